use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// As many letters and digits as that, of which no two neighbours are equal.
fn letters(count: usize) -> String {
    "aB3dE6gH9jKmN0pQ".chars().cycle().take(count).collect()
}

fn upper(count: usize) -> String {
    "QZ7MTB2XR5KC".chars().cycle().take(count).collect()
}

/// The secrets of each pattern: its name, what is before the secret, the secret, what is after it.
///
/// They are put together here, because others search source for credentials too.
fn secrets() -> Vec<(&'static str, &'static str, String, &'static str)> {
    let pem =
        |kind: &str, body: String| format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----");
    let lines = format!("{}\n{}+/=", letters(64), letters(40));
    let header = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n";
    let jwt = ["eyJ".to_owned() + &letters(17), "eyJ".to_owned() + &letters(40), letters(43)];
    let mut all = vec![
        ("private-key", "", pem("PRIVATE KEY", lines.clone()), " end"),
        ("private-key", "", pem("RSA PRIVATE KEY", header.to_owned() + &lines), ""),
        ("private-key", "", pem("OPENSSH PRIVATE KEY", lines.replace('\n', "\r\n")), ""),
        ("private-key", "", pem("PGP PRIVATE KEY BLOCK", lines.replace('\n', "\n\t> ")), ""),
        ("private-key", "", format!("-----BEGIN EC PRIVATE KEY-----\n{lines}"), ""),
        ("private-key", "", format!("-----BEGIN PRIVATE KEY-----\\n{}", letters(64)), "\""),
        ("aws-access-key", "id=", "AKIA".to_owned() + &upper(16), ";"),
        ("aws-access-key", "(", "ASIA".to_owned() + &upper(16), ")"),
        ("aws-secret-key", "aws_secret_access_key = ", letters(40), "\n"),
        ("aws-secret-key", "AWS_SECRET_ACCESS_KEY=", letters(38) + "/+", ""),
        ("aws-secret-key", "\"SecretAccessKey\": \"", letters(40), "\""),
        ("github-token", "", "ghp_".to_owned() + &letters(36), ""),
        ("github-token", "x-access-token/", "ghs_".to_owned() + &letters(36), "@"),
        ("github-token", "", format!("github_pat_{}_{}", letters(22), letters(59)), "\n"),
        ("openai-key", "key ", "sk-".to_owned() + &letters(48), "."),
        ("openai-key", "", "sk-proj-".to_owned() + &letters(60) + "_-" + &letters(60), ""),
        ("anthropic-key", "", "sk-ant-api03-".to_owned() + &letters(93) + "AA", "'"),
        ("google-api-key", "key=", "AIza".to_owned() + &letters(35), "&q=1"),
        ("slack-token", "", "xoxb-".to_owned() + "123456789012-1234567890123-" + &letters(24), ""),
        ("slack-token", "", "xoxp-".to_owned() + "12345678901-1234567890-" + &letters(32), ""),
        ("stripe-key", "", "sk_live_".to_owned() + &letters(24), ""),
        ("stripe-key", "", "rk_live_".to_owned() + &letters(99), ""),
        ("jwt", "token: ", jwt.join("."), ""),
        ("authorization-header", "Authorization: Bearer ", letters(20), "\r\n"),
        ("authorization-header", "-H 'authorization: bearer ", "tok-12345".to_owned(), "'"),
        (
            "authorization-header",
            "\"Authorization\": \"Basic ",
            "dXNlcjpwYXNzd29yZA==".into(),
            "\"",
        ),
        ("url-password", "postgres://app:", "hunter2".to_owned(), "@db.internal:5432/orders"),
        ("url-password", "redis://:", "p%40ss:w$rd".to_owned(), "@[::1]/0"),
        ("npm-token", "_authToken=", "npm_".to_owned() + &letters(36), ""),
        ("pypi-token", "", "pypi-AgEIcHlwaS5vcmc".to_owned() + &letters(80), ""),
    ];
    for prefix in ["gho_", "ghu_", "ghr_"] {
        all.push(("github-token", " ", prefix.to_owned() + &letters(40), " "));
    }
    for prefix in ["xoxa-2-", "xoxr-", "xoxs-"] {
        all.push(("slack-token", " ", format!("{prefix}12345678-{}", letters(24)), " "));
    }
    for prefix in ["sk-svcacct-", "sk-admin-"] {
        all.push(("openai-key", " ", prefix.to_owned() + &letters(60), " "));
    }
    for before in [
        "aws_secret_key: ",
        "AWS_SECRET_KEY=",
        "\\\"secretAccessKey\\\": \\\"",
        "secret_access_key=",
        "SECRET_ACCESS_KEY =",
    ] {
        all.push(("aws-secret-key", before, letters(40), " "));
    }
    all.push(("authorization-header", "AUTHORIZATION: BASIC ", letters(16), ""));
    all
}

/// What looks a little like a secret and is none.
const HARMLESS: [&str; 34] = [
    "-----BEGIN PRIVATE KEY----- is how a PEM file of a private key begins, as everybody knows.",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYD\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo\n-----END PUBLIC KEY-----",
    "TODAYINASIAASACKOFRICEFELLOVER",
    "ASIA and AKIA are prefixes; AKIAXXXX is too short",
    "MAKIAYW2YW3YW4YW5YW6Y",
    "aws_secret_access_key = ${AWS_SECRET_ACCESS_KEY}",
    "secret_access_key: 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12aa",
    "the columns ghp_id, gho_name and ghs_total_of_the_year_before_last_and_so_on",
    "github_pat_ is the prefix",
    "risk-Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2Rr1Qq0Pp9Oo8Nn7Mm",
    "task-550e8400-e29b-41d4-a716-446655440000",
    "sk-learn, sk-SK and sk-ant are words",
    "disk-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "GWw4hjABFzZCGiRpmlDyDdo87Jn9BN9THUA47muVRNunLxsa82tMAdvmrhOqNkRKiYMEAFbTJAIzaTesb6Tscfcni8vIpWZq",
    "AIzaTesb6Tscfcni8vIpWZqNCXFDFslJtVSvFDqabcd123",
    "xoxb-your-token-here",
    "sk_test_Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2 and sk_live_…",
    "eyJhbGciOiJIUzI1NiJ9 is the beginning of a token",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.",
    "Authorization: Bearer authentication is used here",
    "Authorization: Bearer <token>",
    "Authorization: Basic authentication",
    "authorization: bearer ${TOKEN}",
    "https://example.com:8080/a/b@c",
    "https://cdn.example.com/npm/@scope/package@1.2.3",
    "ssh://git@example.com:22/repo.git",
    "postgres://user:${PASSWORD}@host and redis://user:$PASSWORD@host",
    "http://<user>:<password>@host or http://user:{password}@host",
    "npm_config_registry_of_the_project_that_is_built_here=1",
    "pypi-AgE is short",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
    "/usr/lib/python3/site-packages/sklearn/secret/password.py:12: password = getpass()",
];

fn json(value: &str) -> String {
    Value::from(value).to_string()
}

/// The characters as escapes, all or those that a number selects.
fn escaped(text: &str, selects: u64) -> String {
    let mut content = String::new();
    for (i, unit) in text.encode_utf16().enumerate() {
        match char::from_u32(unit.into()) {
            Some('/') if selects >> (i % 61) & 2 == 0 => content.push_str("\\/"),
            Some(c @ ' '..='~') if c != '"' && c != '\\' && selects >> (i % 64) & 1 == 0 => {
                content.push(c);
            }
            _ => write!(content, "\\u{unit:04X}").unwrap(),
        }
    }
    format!("\"{content}\"")
}

fn redacted_json(redactor: &Redactor, json: &str) -> Option<String> {
    let redacted = redactor.redact_json(json.as_bytes())?.json;
    Some(String::from_utf8(redacted).unwrap())
}

/// JSON without secrets.
fn harmless() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        3 => proptest::sample::select(&HARMLESS[..]).prop_map(str::to_owned),
        2 => "[ -~\\n\u{e9}\u{1f600}]{0,6}",
        1 => Just("{\"a\": [\"b\\n\"]}".to_owned()),
        1 => Just("[12:00] \"said\" \\ {".to_owned()),
    ];
    let string = (text, any::<u64>(), any::<bool>()).prop_map(|(text, selects, plain)| {
        if plain { json(&text) } else { escaped(&text, selects) }
    });
    let leaf = prop_oneof![
        4 => string.clone(),
        1 => proptest::sample::select(&["1.0e400", "null", "\"\\ud800\"", "-0"][..])
            .prop_map(str::to_owned),
    ];
    let string = string.boxed();
    leaf.prop_recursive(4, 16, 4, move |inner| {
        let member =
            (string.clone(), inner.clone()).prop_map(|(key, value)| format!("{key} :\n{value}"));
        prop_oneof![
            vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(", "))),
            vec(member, 0..4).prop_map(|all| format!("{{{}}}", all.join(","))),
        ]
    })
}

#[test]
fn each_common_secret_is_replaced_and_nothing_around_it() {
    let redactor = Redactor::default();
    for (name, before, secret, after) in secrets() {
        let text = format!("{before}{secret}{after}");
        let expected = format!("{before}[redacted:{name}]{after}");
        assert_eq!(redactor.redact(&text), expected, "{text}");
        assert!(matches!(redactor.redact(&expected), Cow::Borrowed(_)), "{expected}");

        let value = json(&text);
        let redacted = redactor.redact_json(value.as_bytes()).unwrap();
        assert_eq!(redacted.json, json(&expected).into_bytes());
        assert_eq!(redacted.found, Found::from([(name.to_owned(), 1)]));
    }
}

#[test]
fn every_pattern_has_a_secret_here() {
    let here = secrets();
    for name in Redactor::default().rules.patterns.names() {
        assert!(here.iter().any(|(secret, ..)| *secret == name), "{name}");
    }
}

#[test]
fn what_is_no_secret_is_left() {
    let redactor = Redactor::default();
    for text in HARMLESS {
        assert_eq!(redactor.redact(text), text);
        assert!(redactor.redact_json(json(text).as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn the_values_of_members_that_are_called_secrets_are_replaced() {
    let redactor = Redactor::default();
    for (member, expected) in [
        (r#""password":"x""#, r#""password":"[redacted:password]""#),
        (r#""API-Key" : "a\u0000""#, r#""API-Key" : "[redacted:api_key]""#),
        (r#""accessToken":"x""#, r#""accessToken":"[redacted:access_token]""#),
        (r#""\u0070asswd":"x""#, r#""\u0070asswd":"[redacted:passwd]""#),
        (r#""authorization":"Bearer x""#, r#""authorization":"[redacted:authorization]""#),
    ] {
        let expected = format!(r#"{{"a":1.0, {expected},"b" : "c"}}"#);
        let json = format!(r#"{{"a":1.0, {member},"b" : "c"}}"#);
        assert_eq!(redacted_json(&redactor, &json).as_deref(), Some(expected.as_str()));
        assert_eq!(redacted_json(&redactor, &expected), None);
    }
    for kept in [
        r#"{"password":""}"#,
        r#"{"password":null,"a":"x"}"#,
        r#"{"password":["x"]}"#,
        r#"{"password":{"type":"string"}}"#,
        r#"{"passwords":"x"}"#,
        r#"{"a":"password","b":"x"}"#,
        r#"["password","x"]"#,
    ] {
        assert_eq!(redacted_json(&redactor, kept), None, "{kept}");
    }
    assert_eq!(redacted_json(&Redactor::none(), r#"{"password":"x"}"#), None);
}

#[test]
fn json_in_a_string_is_looked_into() {
    let redactor = Redactor::default();
    let mut value = r#"{"n":1.0,"password":"hunter2","said":"a \"b\""}"#.to_owned();
    for _ in 0..4 {
        value = format!(r#"{{"arguments":{}}}"#, json(&value));
        let redacted = redacted_json(&redactor, &value).unwrap();
        assert_eq!(redacted, value.replace("hunter2", "[redacted:password]"));
    }
}

#[test]
fn a_key_that_is_a_secret_is_replaced() {
    let secret = "ghp_".to_owned() + &letters(36);
    let json = format!(r#"{{"{secret}":1,"a":"{secret}"}}"#);
    let redacted = Redactor::default().redact_json(json.as_bytes()).unwrap();
    assert_eq!(
        String::from_utf8(redacted.json).unwrap(),
        r#"{"[redacted:github-token]":1,"a":"[redacted:github-token]"}"#
    );
    assert_eq!(redacted.found, Found::from([("github-token".to_owned(), 2)]));
}

#[test]
fn a_host_adds_patterns() {
    let redactor = Redactor::none().with_pattern("ticket", r"^T-(?<secret>\d+)|U-\d+").unwrap();
    assert_eq!(redactor.redact("T-1 T-2 U-3"), "T-[redacted:ticket] T-2 [redacted:ticket]");
    let json = redacted_json(&redactor, r#"["T-1", "password", " T-1"]"#);
    assert_eq!(json.as_deref(), Some(r#"["T-[redacted:ticket]", "password", " T-1"]"#));
}

#[test]
fn a_pattern_that_cannot_be_searched_for_is_refused() {
    let with = |name: &str, regex| Redactor::default().with_pattern(name, regex).unwrap_err();
    for name in ["", "a b", "a]", "\u{e9}", &"a".repeat(65)] {
        assert!(matches!(with(name, "x"), InvalidPattern::Name { .. }), "{name}");
    }
    assert!(matches!(with("a", "("), InvalidPattern::Syntax { .. }));
    assert!(matches!(with("a", "x*"), InvalidPattern::Empty { .. }));
}

#[test]
fn marks_are_not_secrets_whatever_a_pattern_says() {
    for regex in ["e", ".", r"\S+", r"\]", "(?s).+", r"x?\[redacted"] {
        let redactor = Redactor::none().with_pattern("all", regex).unwrap();
        let once =
            redactor.redact("re[redacted:all]x [redacted:other] \u{e9}[redacted:").into_owned();
        assert_eq!(redactor.redact(&once), once, "{regex}");
    }
}

#[test]
fn a_secret_that_reaches_into_a_mark_takes_it_with_it() {
    let redactor = Redactor::none().with_pattern("all", r"x\[re|o\]y").unwrap();
    assert_eq!(redactor.redact("ax[redacted:no]yb"), "a[redacted:all]b");
    assert_eq!(redactor.redact("x[redacted:no]"), "[redacted:all]");
    assert_eq!(redactor.redact("[redacted:no]y"), "[redacted:all]");
}

#[test]
fn of_secrets_that_overlap_nothing_is_left() {
    let redactor = ["cd", "abcde", "efg", "fgh"]
        .into_iter()
        .fold(Redactor::none(), |all, regex| all.with_pattern(&regex[..1], regex).unwrap());
    assert_eq!(redactor.redact("-abcde-"), "-[redacted:a]-");
    assert_eq!(redactor.redact("-abcdefgh-"), "-[redacted:a]-");
}

#[test]
fn what_is_next_to_a_secret_is_looked_at_again() {
    let redactor = Redactor::none()
        .with_pattern("pin", "pin=(?<secret>[0-9]{4})")
        .and_then(|redactor| redactor.with_pattern("id", r"\bid[0-9]{3}"))
        .unwrap();
    assert_eq!(redactor.redact("pin=1234id567"), "pin=[redacted:pin][redacted:id]");
}

#[test]
fn escapes_hide_nothing() {
    let redactor = Redactor::default();
    for secret in [
        r"redis:\/\/app:hunter2@db",
        r"redis:/\/app:hunter2@db",
        r"redis\u003a//app:hunter2@db",
        r#"{\"url\":\"redis:\\\/\\\/app:hunter2@db\"}"#,
        r#"\n\t {\"password\":\"hunter2\"}"#,
        r#"\u007b\"passw\\u006frd\":\"hunter2\"}"#,
    ] {
        let redacted = redacted_json(&redactor, &format!(r#"{{"a":"{secret}"}}"#)).unwrap();
        assert!(!redacted.contains("hunter2"), "{redacted}");
    }
}

#[test]
fn debug_shows_no_pattern() {
    let redactor = Redactor::default().with_pattern("mine", "hunter2").unwrap();
    let shown = format!("{redactor:?}");
    assert!(shown.contains("mine") && !shown.contains("hunter2"), "{shown}");
}

proptest! {
    #[test]
    fn json_without_secrets_is_not_touched(json in harmless()) {
        prop_assert!(serde_json::from_str::<Box<serde_json::value::RawValue>>(&json).is_ok());
        prop_assert!(Redactor::default().redact_json(json.as_bytes()).is_none());
    }

    #[test]
    fn a_secret_is_gone_and_all_around_it_is_left(
        values in vec(harmless(), 1..5),
        at in any::<prop::sample::Index>(),
        secret in proptest::sample::select(secrets()),
        around in proptest::sample::select(&[("", ""), ("see ", " there"), ("\n", "\n\n")][..]),
        selects in any::<u64>(),
        is_key in any::<bool>(),
    ) {
        let (_, before, secret, after) = secret;
        let text = format!("{}{before}{secret}{after}{}", around.0, around.1);
        let planted = escaped(&text, selects);
        let at = at.index(values.len());
        let document = |planted: &str| {
            let mut values = values.clone();
            let new = if is_key { format!("{{{planted}: 0}}") } else { planted.to_owned() };
            values.insert(at, new);
            format!("[{}]", values.join(" ,"))
        };
        let redactor = Redactor::default();
        let found = redacted_json(&redactor, &document(&planted)).unwrap();
        prop_assert_eq!(&found, &document(&json(&redactor.redact(&text))));
        let read: Value = serde_json::from_str(&found.replace("1.0e400", "1").replace("\\ud800", ""))
            .unwrap();
        prop_assert!(!read.to_string().contains(json(&secret).trim_matches('"')));
        prop_assert_eq!(redacted_json(&redactor, &found), None);
    }

    #[test]
    fn any_text_is_redacted_once(
        pieces in vec(prop_oneof![
            proptest::sample::select(secrets())
                .prop_map(|(_, before, secret, after)| format!("{before}{secret}{after}")),
            proptest::sample::select(&["[redacted:jwt]", "[redacted:", "]", "\"", "{", ":", "\\"][..])
                .prop_map(str::to_owned),
            "[ -~\u{e9}]{0,3}",
        ], 0..8),
    ) {
        let text = pieces.concat();
        let redactor = Redactor::default();
        let once = redactor.redact(&text).into_owned();
        prop_assert_eq!(redactor.redact(&once), once.as_str());
        let json = json(&text);
        if let Some(redacted) = redacted_json(&redactor, &json) {
            prop_assert_eq!(serde_json::from_str::<String>(&redacted).unwrap(), once);
        } else {
            prop_assert_eq!(text, once);
        }
    }

    #[test]
    fn strings_are_read_as_serde_json_reads_them(text in any::<String>(), selects in any::<u64>()) {
        for json in [json(&text), escaped(&text, selects)] {
            let end = crate::json::string_end(json.as_bytes(), 1).unwrap();
            prop_assert_eq!(end, json.len() - 1);
            let read = crate::json::unescape(&json[1..end]).unwrap();
            prop_assert_eq!(read, serde_json::from_str::<String>(&json).unwrap());
        }
    }

    #[test]
    fn what_is_no_json_string_does_not_panic(content in "[\\\\u\"0-9d8a-f\u{e9}]{0,12}") {
        let _ = crate::json::unescape(&content);
        let _ = Redactor::default().redact_json(content.as_bytes());
    }
}
