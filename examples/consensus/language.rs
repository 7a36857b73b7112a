//! Programming languages, and what each is known by.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::is_separator;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Language {
    C,
    #[serde(rename = "C++")]
    Cpp,
    #[serde(rename = "C#")]
    CSharp,
    Go,
    Java,
    JavaScript,
    Kotlin,
    #[serde(rename = "PHP")]
    Php,
    Python,
    Ruby,
    Rust,
    Shell,
    Swift,
    TypeScript,
}

/// What a language is known by.
struct Marks {
    language: Language,
    /// What the names of its files end in, without the dot.
    extensions: &'static [&'static str],
    /// The names of the files that say how to build something written in it.
    manifests: &'static [&'static str],
    /// What shebangs and modelines call it.
    names: &'static [&'static str],
    /// What is said in it, and hardly in prose.
    words: &'static [&'static str],
}

const MARKS: [Marks; 14] = [
    Marks {
        language: Language::C,
        extensions: &["c", "h"],
        manifests: &["configure.ac", "Makefile.am"],
        names: &["c", "tcc"],
        words: &[
            "#define", "#endif", "#ifdef", "#ifndef", "#include", "NULL", "char", "malloc",
            "memcpy", "printf", "size_t", "sizeof", "strlen", "struct", "typedef", "uint8_t",
            "unsigned",
        ],
    },
    Marks {
        language: Language::Cpp,
        extensions: &["cc", "cpp", "cxx", "hh", "hpp", "hxx"],
        manifests: &["CMakeLists.txt", "conanfile.txt", "vcpkg.json"],
        names: &["c++", "cpp"],
        words: &[
            "#include",
            "constexpr",
            "cout",
            "dynamic_cast",
            "namespace",
            "noexcept",
            "nullptr",
            "ostream",
            "reinterpret_cast",
            "size_t",
            "static_cast",
            "std",
            "typename",
            "unique_ptr",
        ],
    },
    Marks {
        language: Language::CSharp,
        extensions: &["cs"],
        manifests: &["Directory.Build.props", "global.json", "nuget.config"],
        names: &["cs", "csharp", "dotnet-script"],
        words: &[
            "Console",
            "IEnumerable",
            "WriteLine",
            "foreach",
            "namespace",
            "nameof",
            "readonly",
            "stackalloc",
            "typeof",
            "ushort",
        ],
    },
    Marks {
        language: Language::Go,
        extensions: &["go"],
        manifests: &["go.mod", "go.work"],
        names: &["go"],
        words: &[
            "chan",
            "err",
            "fallthrough",
            "fmt",
            "func",
            "goroutine",
            "iota",
            "len",
            "nil",
            "struct",
            "uint64",
        ],
    },
    Marks {
        language: Language::Java,
        extensions: &["java"],
        manifests: &["build.gradle", "pom.xml"],
        names: &["java"],
        words: &[
            "ArrayList",
            "HashMap",
            "IOException",
            "Override",
            "boolean",
            "instanceof",
            "javax",
            "println",
            "strictfp",
        ],
    },
    Marks {
        language: Language::JavaScript,
        extensions: &["cjs", "js", "jsx", "mjs"],
        manifests: &["package.json"],
        names: &["javascript", "js", "node", "nodejs"],
        words: &[
            "JSON",
            "addEventListener",
            "async",
            "const",
            "exports",
            "getElementById",
            "innerHTML",
            "instanceof",
            "parseInt",
            "typeof",
            "var",
        ],
    },
    Marks {
        language: Language::Kotlin,
        extensions: &["kt", "kts"],
        manifests: &["build.gradle.kts", "settings.gradle.kts"],
        names: &["kotlin", "kotlinc"],
        words: &[
            "kotlinx",
            "lateinit",
            "listOf",
            "mapOf",
            "mutableListOf",
            "println",
            "val",
            "var",
            "vararg",
        ],
    },
    Marks {
        language: Language::Php,
        extensions: &["php", "phtml"],
        manifests: &["composer.json"],
        names: &["php"],
        words: &[
            "$this",
            "__construct",
            "array_map",
            "elseif",
            "foreach",
            "isset",
            "mb_strlen",
            "php",
            "strlen",
            "var_dump",
        ],
    },
    Marks {
        language: Language::Python,
        extensions: &["py", "pyi"],
        manifests: &["Pipfile", "pyproject.toml", "requirements.txt", "setup.cfg", "setup.py"],
        names: &["pypy", "python"],
        words: &[
            "TypeError",
            "ValueError",
            "__init__",
            "__main__",
            "__name__",
            "def",
            "elif",
            "isinstance",
            "kwargs",
            "len",
            "self",
            "staticmethod",
        ],
    },
    Marks {
        language: Language::Ruby,
        extensions: &["gemspec", "rake", "rb"],
        manifests: &["Gemfile", "Rakefile"],
        names: &["jruby", "ruby"],
        words: &[
            "attr_accessor",
            "attr_reader",
            "attr_writer",
            "def",
            "elsif",
            "nil",
            "puts",
            "require_relative",
            "self",
        ],
    },
    Marks {
        language: Language::Rust,
        extensions: &["rs"],
        manifests: &["Cargo.toml"],
        names: &["rust", "rust-script"],
        words: &[
            "Vec", "async", "cfg", "dyn", "enum", "fn", "impl", "mut", "pub", "self", "str",
            "struct", "u64", "unwrap", "usize",
        ],
    },
    Marks {
        language: Language::Shell,
        extensions: &["bash", "sh", "zsh"],
        manifests: &[],
        names: &["bash", "dash", "ksh", "sh", "shell-script", "zsh"],
        words: &[
            "awk", "echo", "elif", "esac", "fi", "getopts", "grep", "mktemp", "pipefail", "printf",
            "sed", "shopt",
        ],
    },
    Marks {
        language: Language::Swift,
        extensions: &["swift"],
        manifests: &["Package.swift", "Podfile"],
        names: &["swift"],
        words: &[
            "UIKit",
            "deinit",
            "didSet",
            "enum",
            "fileprivate",
            "func",
            "inout",
            "nil",
            "self",
            "struct",
            "var",
            "willSet",
        ],
    },
    Marks {
        language: Language::TypeScript,
        extensions: &["cts", "mts", "ts", "tsx"],
        manifests: &["deno.json", "tsconfig.json"],
        names: &["deno", "ts-node", "tsx", "typescript"],
        words: &[
            "Readonly",
            "ReadonlyArray",
            "async",
            "boolean",
            "const",
            "enum",
            "keyof",
            "readonly",
            "typeof",
            "undefined",
        ],
    },
];

impl Language {
    /// By what the name of a file ends in.
    pub(crate) fn of_extension(path: &str) -> Option<Self> {
        let (name, extension) = name(path).rsplit_once('.')?;
        (!name.is_empty()).then_some(())?;
        find(|marks| marks.extensions.contains(&extension))
    }

    /// By the name of a build manifest. One of JavaScript is of TypeScript in a folder of that.
    pub(crate) fn of_manifest(path: &str, typed: &BTreeSet<&str>) -> Option<Self> {
        match find(|marks| marks.manifests.contains(&name(path))) {
            Some(Self::JavaScript) if typed.contains(folder_of(path)) => Some(Self::TypeScript),
            language => language,
        }
    }

    /// By what a shebang or a modeline calls it.
    pub(crate) fn of_name(called: &str) -> Option<Self> {
        find(|marks| marks.names.contains(&called))
    }

    /// The words that are typical of some language, each with the languages that it is typical of.
    pub(crate) fn words() -> BTreeMap<&'static str, Vec<Self>> {
        let mut words: BTreeMap<_, Vec<Self>> = BTreeMap::new();
        for marks in &MARKS {
            for word in marks.words {
                words.entry(*word).or_default().push(marks.language);
            }
        }
        words
    }
}

fn find(is_it: impl Fn(&Marks) -> bool) -> Option<Language> {
    MARKS.iter().find(|marks| is_it(marks)).map(|marks| marks.language)
}

/// The last part of a path.
pub(crate) fn name(path: &str) -> &str {
    path.rsplit(is_separator).next().unwrap_or(path)
}

/// What is before that.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rfind(is_separator).map_or("", |end| &path[..end])
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpp => f.pad("C++"),
            Self::CSharp => f.pad("C#"),
            Self::Php => f.pad("PHP"),
            other => f.pad(&format!("{other:?}")),
        }
    }
}
