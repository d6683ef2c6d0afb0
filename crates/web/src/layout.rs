//! The frame around every page: product name, place, navigation, language switch, skip link; and the page itself as an answer.

use std::borrow::Borrow;

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use kit::{Lang, Text};

use crate::assets;
use crate::parts::Part;

const SKIP: Text = Text::new("Đến nội dung chính", "Skip to the content");
const PRODUCT_LINE: Text = Text::new(
    "Liên Thông: nối hệ thống của các cơ quan với nhau.",
    "Liên Thông joins the systems of agencies to each other.",
);
const NAVIGATION: Text = Text::new("Các mục", "Sections");
const LANGUAGES: Text = Text::new("Ngôn ngữ", "Language");

/// One entry of the navigation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NavLink {
    /// Path of the page, e.g. `/members`.
    pub href: String,
    /// Its name in both languages.
    pub label: Text,
}

/// What pages of one application share. Built once per request.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Language of this answer.
    pub lang: Lang,
    /// Path of this page without its query: marks the current entry and carries the language switch.
    pub path: String,
    /// Where the reader is: the machine and its owner, e.g. `Cổng Bộ Nội vụ`.
    pub place: String,
    /// The navigation, in order.
    pub nav: Vec<NavLink>,
    /// Whether the reader has just chosen the language, so that the answer makes the browser remember it.
    pub remember: bool,
}

fn known(code: &str) -> Option<Lang> {
    match code {
        "vi" => Some(Lang::Vi),
        "en" => Some(Lang::En),
        _ => None,
    }
}

fn remembered(headers: &HeaderMap) -> Option<Lang> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|pair| known(pair.trim().strip_prefix("lang=")?))
}

impl Frame {
    /// The frame of the answer to this request. The language is what `?lang=` names, else what the reader chose before (a cookie), else
    /// the browser's preference, else Vietnamese. A choice made with `?lang=` is remembered for a year.
    #[must_use]
    pub fn from_request(uri: &Uri, headers: &HeaderMap) -> Self {
        let asked = uri.query().unwrap_or("").split('&').find_map(|pair| known(pair.strip_prefix("lang=")?));
        let lang = asked.or_else(|| remembered(headers)).unwrap_or_else(|| {
            let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
            Lang::from_accept_language(header.unwrap_or(""))
        });
        Self { remember: asked.is_some(), ..Self::new(lang, uri.path()) }
    }

    /// A frame for `path` in `lang`, without place or navigation.
    #[must_use]
    pub fn new(lang: Lang, path: impl Into<String>) -> Self {
        Self { lang, path: path.into(), place: String::new(), nav: Vec::new(), remember: false }
    }

    /// Says where the reader is.
    #[must_use]
    pub fn place(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    /// Gives the navigation.
    #[must_use]
    pub fn nav(mut self, nav: Vec<NavLink>) -> Self {
        self.nav = nav;
        self
    }
}

/// One page, ready to be answered.
#[derive(Clone, Debug)]
pub struct Page {
    /// What surrounds it.
    pub frame: Frame,
    /// Its title, already in the frame's language: the `h1` and, with the product's name, the window title.
    pub title: String,
    /// One sentence under the title: what the reader sees here.
    pub lead: Option<String>,
    /// The content, in order.
    pub parts: Vec<Part>,
    /// HTTP status of the answer.
    pub status: StatusCode,
}

#[derive(Template)]
#[template(path = "page.html")]
struct View<'a> {
    page: &'a Page,
    lang: Lang,
    css: &'a str,
}

impl View<'_> {
    fn say(&self, text: impl Borrow<Text>) -> &'static str {
        text.borrow().get(self.lang)
    }
}

impl Page {
    /// An empty page with this title.
    #[must_use]
    pub fn new(frame: Frame, title: impl Into<String>) -> Self {
        Self { frame, title: title.into(), lead: None, parts: Vec::new(), status: StatusCode::OK }
    }

    /// Says in one sentence what the reader sees here.
    #[must_use]
    pub fn lead(mut self, lead: impl Into<String>) -> Self {
        self.lead = Some(lead.into());
        self
    }

    /// Adds one part at the end.
    #[must_use]
    pub fn with(mut self, part: impl Into<Part>) -> Self {
        self.parts.push(part.into());
        self
    }

    /// Sets the HTTP status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The page as HTML.
    ///
    /// # Errors
    /// When a template fails to write, which no template of ours does by itself.
    pub fn render(&self) -> Result<String, askama::Error> {
        View { page: self, lang: self.frame.lang, css: &assets::STYLESHEET_PATH }.render()
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let html = match self.render() {
            Ok(html) => html,
            Err(error) => {
                tracing::error!(page.path = %self.frame.path, %error, "a page could not be rendered");
                return kit::Problem::new(kit::problem::INTERNAL).lang(self.frame.lang).into_response();
            }
        };
        let mut response = (self.status, html).into_response();
        let headers = response.headers_mut();
        assets::secure(headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(self.frame.lang.code()));
        headers.insert(header::VARY, HeaderValue::from_static("accept-language, cookie"));
        if self.frame.remember {
            let cookie = match self.frame.lang {
                Lang::Vi => "lang=vi; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly",
                Lang::En => "lang=en; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly",
            };
            headers.insert(header::SET_COOKIE, HeaderValue::from_static(cookie));
        }
        response
    }
}
