/// Keys whose values are secrets, as they are named where they are replaced.
const KEYS: [&str; 9] = [
    "password",
    "passwd",
    "secret",
    "api_key",
    "access_token",
    "refresh_token",
    "client_secret",
    "private_key",
    "authorization",
];

/// The name of the secret that a member with this key holds.
pub(super) fn secret_of(key: &str) -> Option<&'static str> {
    let letters = |key: &'static str| key.bytes().filter(|byte| *byte != b'_');
    let of_key = || {
        let apart = |byte: &u8| !matches!(byte, b'_' | b'-');
        key.bytes().filter(apart).map(|byte| byte.to_ascii_lowercase())
    };
    KEYS.into_iter().find(|known| letters(known).eq(of_key()))
}
