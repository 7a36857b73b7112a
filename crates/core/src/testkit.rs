//! The contract of [`Journal`], for the tests of whoever implements it.
