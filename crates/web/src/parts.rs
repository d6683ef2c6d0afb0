//! The parts a page is made of: status list, table, definition list, empty state, heading, prose.
//!
//! Texts given to a part are already in the reader's language; the words the parts add themselves (the names of states) are here in both.
//! Everything is escaped; markup of a domain's own comes in only as [`Html`], which only a template can make.

use askama::Template;
use kit::{Lang, Text};

/// How something is. Always shown as a word with a sign, never by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It works.
    Good,
    /// It works, but someone should look.
    Attention,
    /// It does not work.
    Bad,
    /// Not measured yet.
    Unknown,
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn word(self, lang: Lang) -> &'static str {
        let text = match self {
            Self::Good => Text::new("Tốt", "Good"),
            Self::Attention => Text::new("Cần chú ý", "Needs attention"),
            Self::Bad => Text::new("Hỏng", "Failing"),
            Self::Unknown => Text::new("Chưa rõ", "Unknown"),
        };
        text.get(lang)
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Attention => "!",
            Self::Bad => "✕",
            Self::Unknown => "?",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Attention => "attention",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }
}

/// One line of a status list.
#[derive(Clone, Debug)]
pub struct StatusItem {
    state: State,
    what: String,
    detail: Option<String>,
    remedy: Option<String>,
}

impl StatusItem {
    /// Something that works.
    #[must_use]
    pub fn good(what: impl Into<String>) -> Self {
        Self { state: State::Good, what: what.into(), detail: None, remedy: None }
    }

    /// Something not measured yet.
    #[must_use]
    pub fn unknown(what: impl Into<String>) -> Self {
        Self { state: State::Unknown, what: what.into(), detail: None, remedy: None }
    }

    /// Something to look at, and what to do about it.
    #[must_use]
    pub fn attention(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Attention, what: what.into(), detail: None, remedy: Some(remedy.into()) }
    }

    /// Something that fails. A red line always says what to do, so the remedy is not optional.
    #[must_use]
    pub fn bad(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Bad, what: what.into(), detail: None, remedy: Some(remedy.into()) }
    }

    /// Adds the measured fact: a date, a number, the last answer.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }
}

/// What works and what does not.
#[derive(Clone, Debug, Default)]
pub struct StatusList {
    /// The lines, in the order shown.
    pub items: Vec<StatusItem>,
}

/// One cell of a table or one value of a definition list.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A figure, already formatted; stands to the right.
    Number(String),
    /// An identifier, digest or address, in fixed width.
    Code(String),
    /// A way to another page.
    Link {
        /// Where to.
        href: String,
        /// The words of the link; say where it leads.
        text: String,
    },
    /// How something is.
    State(State),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Cell {
    fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }
}

/// A table of data. On a phone each row becomes a card. The first cell of a row is its heading.
#[derive(Clone, Debug)]
pub struct Table {
    /// What the table shows: read out first by a screen reader.
    pub caption: String,
    /// Column headings.
    pub columns: Vec<String>,
    /// Rows; each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// Path and words of the link to the following rows, when there are more.
    pub next: Option<(String, String)>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(caption: impl Into<String>, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { caption: caption.into(), columns, rows: Vec::new(), next: None }
    }

    /// Adds a row. Cells beyond the last column are dropped, missing ones are empty, so that no value stands under a wrong heading.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut cells: Vec<Cell> = cells.into_iter().collect();
        cells.resize_with(self.columns.len(), || Cell::Text(String::new()));
        self.rows.push(cells);
    }

    /// Each heading, and whether it stands over figures, and so to the right as they do.
    fn headings(&self) -> impl Iterator<Item = (&str, bool)> {
        let first = self.rows.first();
        let is_number = move |at| first.and_then(|row| row.get(at)).is_some_and(Cell::is_number);
        self.columns.iter().enumerate().map(move |(at, name)| (name.as_str(), is_number(at)))
    }

    fn labelled<'a>(&'a self, row: &'a [Cell]) -> impl Iterator<Item = (&'a str, &'a Cell)> {
        self.columns.iter().map(String::as_str).zip(row)
    }
}

/// Names and values of one thing.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    /// Name and value, in order.
    pub items: Vec<(String, Cell)>,
}

impl Definitions {
    /// Adds one name with its value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Cell>) -> Self {
        self.items.push((name.into(), value.into()));
        self
    }
}

/// Shown instead of a list that has nothing in it: says so, and what would fill it.
#[derive(Clone, Debug)]
pub struct Empty {
    /// That there is nothing, e.g. `Chưa có thành viên nào.`
    pub what: String,
    /// What to do to have something here.
    pub remedy: String,
}

/// Finished markup. Made only from a template, which escapes what it is given.
#[derive(Clone, Debug)]
pub struct Html(String);

impl Html {
    /// Renders a template of a domain's own.
    ///
    /// # Errors
    /// When the template fails to write.
    pub fn of(template: &impl Template) -> Result<Self, askama::Error> {
        template.render().map(Self)
    }
}

/// One part of a page.
#[derive(Clone, Debug)]
pub enum Part {
    /// A heading of the second level.
    Heading(String),
    /// A paragraph.
    Prose(String),
    /// A way to another page, on a line of its own.
    Link {
        /// Where to.
        href: String,
        /// The words of the link.
        text: String,
    },
    /// A status list.
    Status(StatusList),
    /// A table.
    Table(Table),
    /// A definition list.
    Definitions(Definitions),
    /// Nothing to show.
    Empty(Empty),
    /// A template of a domain's own.
    Html(Html),
}

impl From<StatusList> for Part {
    fn from(part: StatusList) -> Self {
        Self::Status(part)
    }
}

impl From<Table> for Part {
    fn from(part: Table) -> Self {
        Self::Table(part)
    }
}

impl From<Definitions> for Part {
    fn from(part: Definitions) -> Self {
        Self::Definitions(part)
    }
}

impl From<Empty> for Part {
    fn from(part: Empty) -> Self {
        Self::Empty(part)
    }
}

impl From<Html> for Part {
    fn from(part: Html) -> Self {
        Self::Html(part)
    }
}

#[derive(Template)]
#[template(path = "part.html")]
struct View<'a> {
    part: &'a Part,
    lang: Lang,
}

impl Part {
    pub(crate) fn render(&self, lang: Lang) -> Result<String, askama::Error> {
        View { part: self, lang }.render()
    }
}
