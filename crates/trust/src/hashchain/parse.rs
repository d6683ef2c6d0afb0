//! Reads any hash chain that follows the schema, whatever its prefixes, white space and order of declarations.

use super::digest::{DigestValue, accepted};
use super::model::{Chain, ChainResult, MAX_INPUTS, MAX_STEPS, Step, StepInput};
use super::{HashChainError, NAMESPACE};
use crate::key::DigestKind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::{Document, Node};
use std::borrow::Cow;

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Reads a hash chain result.
pub(super) fn result<'a>(document: &'a Document<'_>, weaker: bool) -> Result<ChainResult<'a>, HashChainError> {
    let root = root(document, "HashChainResult")?;
    let value = Value::read(root, weaker, None)?;
    let uri = root.attribute("URI").ok_or_else(|| malformed("the result has no URI"))?;
    let digest = value.stated.ok_or_else(|| malformed("the result has no DigestValue"))?;
    Ok(ChainResult { uri: Cow::Borrowed(uri), digest })
}

/// Reads a hash chain.
pub(super) fn chain<'a>(document: &'a Document<'_>, weaker: bool) -> Result<Chain<'a>, HashChainError> {
    let root = root(document, "HashChain")?;
    let mut default = None;
    let mut steps = Vec::new();
    let mut total = 0;
    for child in elements(root)? {
        match (child.tag_name().name(), in_chain_namespace(child)) {
            ("DefaultDigestMethod", _) if default.is_none() && steps.is_empty() => {
                default = Some(algorithm(child, weaker)?);
            }
            ("HashStep", true) => {
                let step = step(child, weaker, default)?;
                total += step.inputs.len();
                steps.push(step);
            }
            _ => return Err(unexpected(child)),
        }
        if steps.len() > MAX_STEPS || total > MAX_INPUTS {
            return Err(malformed("more steps or inputs than allowed"));
        }
    }
    Ok(Chain { steps })
}

fn step<'a>(element: Node<'a, '_>, weaker: bool, default: Option<DigestKind>) -> Result<Step<'a>, HashChainError> {
    let id = element.attribute("id").ok_or_else(|| malformed("a step has no id"))?;
    let inputs = elements(element)?.into_iter().map(|child| input(child, weaker, default)).collect::<Result<_, _>>()?;
    Ok(Step { id: Cow::Borrowed(id), inputs })
}

fn input<'a>(
    element: Node<'a, '_>,
    weaker: bool,
    default: Option<DigestKind>,
) -> Result<StepInput<'a>, HashChainError> {
    if !in_chain_namespace(element) {
        return Err(unexpected(element));
    }
    let value = Value::read(element, weaker, default)?;
    let uri = || element.attribute("URI").map(Cow::Borrowed).ok_or_else(|| malformed("a reference has no URI"));
    match element.tag_name().name() {
        "HashValue" => value.stated.map(StepInput::Hash).ok_or_else(|| malformed("a HashValue has no DigestValue")),
        "StepRef" if value.stated.is_none() => Ok(StepInput::Step { uri: uri()?, algorithm: value.algorithm }),
        "DataRef" => Ok(StepInput::Data { uri: uri()?, algorithm: value.algorithm, stated: value.stated }),
        _ => Err(unexpected(element)),
    }
}

/// `DigestMethod?, Transforms?, DigestValue?`, common to every kind of input and to the result.
struct Value {
    algorithm: DigestKind,
    stated: Option<DigestValue>,
}

impl Value {
    fn read(element: Node<'_, '_>, weaker: bool, default: Option<DigestKind>) -> Result<Self, HashChainError> {
        let mut own = None;
        let mut text = None;
        for child in elements(element)? {
            match child.tag_name().name() {
                _ if child.tag_name().namespace() != Some(DS) => return Err(unexpected(child)),
                "DigestMethod" if own.is_none() && text.is_none() => own = Some(algorithm(child, weaker)?),
                // Transforms would change what the digest means; an empty list says nothing and is let through.
                "Transforms" if text.is_none() && elements(child)?.is_empty() => {}
                "DigestValue" if text.is_none() => text = Some(text_of(child)?),
                _ => return Err(unexpected(child)),
            }
        }
        let algorithm =
            own.or(default).ok_or_else(|| malformed("a value has no digest method and there is no default"))?;
        let stated = text.map(|text| decode(&text, algorithm)).transpose()?;
        Ok(Self { algorithm, stated })
    }
}

fn decode(text: &str, algorithm: DigestKind) -> Result<DigestValue, HashChainError> {
    let bytes = STANDARD.decode(text).map_err(|_| malformed("a DigestValue is not base64"))?;
    DigestValue::new(algorithm, &bytes).ok_or_else(|| malformed("a DigestValue has the wrong length"))
}

/// Text without white space; base64 is often wrapped.
fn text_of(element: Node<'_, '_>) -> Result<String, HashChainError> {
    let mut text = String::with_capacity(96);
    for child in element.children() {
        if child.is_element() {
            return Err(unexpected(child));
        }
        if child.is_text() {
            text.extend(child.text().unwrap_or_default().chars().filter(|c| !c.is_ascii_whitespace()));
        }
    }
    Ok(text)
}

fn algorithm(element: Node<'_, '_>, weaker: bool) -> Result<DigestKind, HashChainError> {
    let uri = element.attribute("Algorithm").ok_or_else(|| malformed("a digest method has no Algorithm"))?;
    if !elements(element)?.is_empty() {
        return Err(malformed("a digest method has parameters"));
    }
    accepted(uri, weaker)
}

fn root<'a, 'd>(document: &'a Document<'d>, name: &str) -> Result<Node<'a, 'd>, HashChainError> {
    let root = document.root_element();
    if root.has_tag_name((NAMESPACE, name)) { Ok(root) } else { Err(unexpected(root)) }
}

/// Child elements; text other than white space between them is an error.
fn elements<'a, 'd>(parent: Node<'a, 'd>) -> Result<Vec<Node<'a, 'd>>, HashChainError> {
    let is_stray = |child: &Node<'_, '_>| {
        child.is_text() && child.text().is_some_and(|text| !text.bytes().all(|byte| byte.is_ascii_whitespace()))
    };
    if parent.children().any(|child| is_stray(&child)) {
        return Err(malformed("text between elements"));
    }
    Ok(parent.children().filter(Node::is_element).collect())
}

fn in_chain_namespace(element: Node<'_, '_>) -> bool {
    element.tag_name().namespace() == Some(NAMESPACE)
}

fn malformed(reason: &str) -> HashChainError {
    HashChainError::Malformed(reason.to_owned())
}

fn unexpected(element: Node<'_, '_>) -> HashChainError {
    let name: String = element.tag_name().name().chars().take(60).collect();
    HashChainError::Malformed(format!("unexpected element {name}"))
}
