//! Everything a command says to the person who ran it, in the language that person reads. Logs go elsewhere (standard error).

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use kit::Lang;

/// Puts one of two sentences together, by language. Both are format strings that take their values from the scope.
macro_rules! say {
    ($lang:expr, $vi:literal, $en:literal) => {
        match $lang {
            kit::Lang::Vi => format!($vi),
            kit::Lang::En => format!($en),
        }
    };
}

/// What went wrong, in both languages; becomes an error with `?` or stands before a cause with `.context(…)`.
macro_rules! trouble {
    ($vi:literal, $en:literal) => {
        $crate::out::Trouble::new(format!($vi), format!($en))
    };
}

pub(crate) use {say, trouble};

/// An answer that is no success: what is wrong and what to do, in both languages, with the exit code that says so.
#[derive(Debug, Clone)]
pub struct Trouble {
    vi: String,
    en: String,
    code: u8,
}

impl Trouble {
    /// Something is wrong: exit code 1.
    #[must_use]
    pub fn new(vi: String, en: String) -> Self {
        Self { vi, en, code: 1 }
    }

    /// With another exit code.
    #[must_use]
    pub fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    fn text(&self, lang: Lang) -> &str {
        match lang {
            Lang::Vi => &self.vi,
            Lang::En => &self.en,
        }
    }
}

impl Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.en)
    }
}

impl std::error::Error for Trouble {}

/// Where a command speaks.
#[derive(Clone, Copy, Debug)]
pub struct Out {
    /// The reader's language.
    pub lang: Lang,
}

impl Out {
    /// Something was done.
    pub fn done(&self, text: impl Display) {
        self.line(format_args!("✓ {text}"));
    }

    /// What the person does next.
    pub fn next(&self, text: impl Display) {
        self.line(format_args!("→ {text}"));
    }

    /// A plain line.
    pub fn line(&self, text: impl Display) {
        // A reader that has gone away (a closed pipe) is no failure of the command.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// Bytes as they are: a file on standard output.
    pub fn raw(&self, bytes: &[u8]) {
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
    }

    /// Says why a command failed, cause by cause, and gives the exit code.
    pub fn failed(&self, error: &anyhow::Error) -> ExitCode {
        let mut stderr = std::io::stderr().lock();
        let trouble = error.downcast_ref::<Trouble>();
        let first = trouble.map_or_else(|| error.to_string(), |trouble| trouble.text(self.lang).to_owned());
        let _ = writeln!(stderr, "✗ {first}");
        let mut said = first;
        for cause in error.chain().skip(1) {
            let cause = cause.to_string();
            // Transparent errors repeat the text of what they hold.
            if !said.contains(&cause) {
                let _ = writeln!(stderr, "  ↳ {cause}");
            }
            said = cause;
        }
        ExitCode::from(trouble.map_or(1, |trouble| trouble.code))
    }
}
