//! Tools to test agents and patterns: crashes at every journal prefix, faults and contract suites.
