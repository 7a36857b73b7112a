//! Multi-agent LLM systems inside your own application.
