//! Canonicalization held against an independent implementation: every subtree is digested by `xmlsec1` as well.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test helpers stop at the first surprise, like the tests they serve"
)]

use proptest::prelude::*;
use std::process::Command;
use trust::c14n::{Method, canonicalize, parse_secure};
use trust::hashchain::{DigestValue, digest_uri};
use trust::key::DigestKind;

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const METHODS: [&str; 4] =
    [trust::c14n::C14N, trust::c14n::C14N_WITH_COMMENTS, trust::c14n::EXC_C14N, trust::c14n::EXC_C14N_WITH_COMMENTS];
const PREFIX_LIST: &str = "#default a unused missing";

/// One `ds:Reference` of the template: what it points at and how it is canonicalized.
struct Case {
    uri: &'static str,
    method: Method,
    enveloped: bool,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (uri, enveloped) in [("#xpointer(id('t'))", false), ("#xpointer(/)", true)] {
        for method in METHODS {
            let plain = Method::from_uri(method).unwrap();
            if method.contains("exc") {
                let prefixes = PREFIX_LIST.split(' ').map(|p| p.trim_start_matches("#default").to_owned()).collect();
                cases.push(Case { uri, method: Method { inclusive_prefixes: prefixes, ..plain.clone() }, enveloped });
            }
            cases.push(Case { uri, method: plain, enveloped });
        }
    }
    cases
}

fn template(cases: &[Case]) -> String {
    let references: String = cases
        .iter()
        .map(|case| {
            let enveloped = format!("<ds:Transform Algorithm=\"{DS}enveloped-signature\"/>");
            let list = format!("<i:InclusiveNamespaces xmlns:i=\"{}\" PrefixList=\"{PREFIX_LIST}\"/>", trust::c14n::EXC_C14N);
            format!(
                "<ds:Reference URI=\"{}\"><ds:Transforms>{}<ds:Transform Algorithm=\"{}\">{}</ds:Transform></ds:Transforms>\
                 <ds:DigestMethod Algorithm=\"{}\"/><ds:DigestValue/></ds:Reference>",
                case.uri,
                if case.enveloped { enveloped.as_str() } else { "" },
                case.method.uri(),
                if case.method.inclusive_prefixes.is_empty() { "" } else { list.as_str() },
                digest_uri(DigestKind::Sha512)
            )
        })
        .collect();
    format!(
        "<ds:Signature xmlns:ds=\"{DS}\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{}\"/>\
         <ds:SignatureMethod Algorithm=\"{DS}hmac-sha1\"/>{references}</ds:SignedInfo><ds:SignatureValue/></ds:Signature>",
        trust::c14n::C14N
    )
}

/// `body` is a document whose last close tag is that of the document element, and in which one element has `xml:id="t"`.
fn check(body: &str) {
    let cases = cases();
    let close = body.rfind("</").expect("a document element with content");
    let document = format!("{}{}{}", &body[..close], template(&cases), &body[close..]);

    let folder = tempfile::tempdir().unwrap();
    let (source, key, target) =
        (folder.path().join("in.xml"), folder.path().join("key"), folder.path().join("out.xml"));
    std::fs::write(&source, &document).unwrap();
    std::fs::write(&key, b"key").unwrap();
    let run = Command::new("xmlsec1")
        .args(["--sign", "--hmackey"])
        .args([&key, std::path::Path::new("--output"), &target, &source])
        .output()
        .expect("xmlsec1 is needed by this test: apt-get install xmlsec1");
    assert!(run.status.success(), "{document}\n{}", String::from_utf8_lossy(&run.stderr));

    let signed = std::fs::read(&target).unwrap();
    let theirs: Vec<String> = parse_secure(&signed)
        .unwrap()
        .descendants()
        .filter(|node| node.has_tag_name((DS, "DigestValue")))
        .map(|node| node.text().unwrap().split_whitespace().collect())
        .collect();
    assert_eq!(theirs.len(), cases.len());

    let parsed = parse_secure(document.as_bytes()).unwrap();
    let signature = parsed.descendants().find(|node| node.has_tag_name((DS, "Signature"))).unwrap().id();
    let subtree = parsed
        .descendants()
        .find(|n| n.attribute(("http://www.w3.org/XML/1998/namespace", "id")) == Some("t"))
        .unwrap();
    for (case, expected) in cases.iter().zip(theirs) {
        let apex = if case.enveloped { parsed.root() } else { subtree };
        let ours = canonicalize(apex, &case.method, Some(signature));
        let digest = DigestValue::of(DigestKind::Sha512, &ours);
        use base64::Engine as _;
        let digest = base64::engine::general_purpose::STANDARD.encode(digest.as_bytes());
        assert_eq!(digest, expected, "{:?} of\n{document}\ngave\n{}", case.method, String::from_utf8_lossy(&ours));
    }
}

#[test]
fn namespaces_are_declared_where_the_recommendations_say() {
    check(
        "<r xmlns=\"urn:d\" xmlns:a=\"urn:a\" xmlns:unused=\"urn:u\"><a:x xml:id=\"t\"><y xmlns=\"\"><z/></y><y/></a:x></r>",
    );
    check(
        "<a:r xmlns:a=\"urn:a\"><x xml:id=\"t\" xmlns=\"urn:d\"><a:b xmlns:a=\"urn:other\"><a:c/></a:b><a:d/></x></a:r>",
    );
    check(
        "<r xmlns:a=\"urn:a\" xmlns:b=\"urn:a\"><x xml:id=\"t\" b:q=\"1\" a:p=\"2\" z=\"3\"><b:y xmlns:b=\"urn:a\" a:k=\"\"/></x></r>",
    );
    check(
        "<r xmlns=\"urn:d\"><x xmlns=\"\" xml:id=\"t\"><y xmlns=\"urn:d\"><z xmlns=\"\"/></y><w xmlns=\"\"/></x></r>",
    );
    check("<r><x xml:id=\"t\"><y xmlns=\"urn:d\" q=\"1\"><z xmlns=\"urn:e\" xmlns:n=\"urn:d\" n:q=\"1\"/></y></x></r>");
    check(
        "<r xmlns:z=\"urn:1\" xmlns:y=\"urn:2\"><x xml:id=\"t\" z:a=\"1\" y:a=\"2\" a=\"3\" xmlns:b=\"urn:0\" b:a=\"4\"/></r>",
    );
}

#[test]
fn attributes_of_the_xml_namespace_are_inherited_by_the_inclusive_method_only() {
    check("<r xml:lang=\"vi\" xml:space=\"preserve\"><m xml:lang=\"en\"><x xml:id=\"t\" a=\"1\"/></m></r>");
    check("<r xml:lang=\"vi\"><x xml:lang=\"\" xml:id=\"t\"><y xml:lang=\"fr\"/></x></r>");
}

#[test]
fn characters_are_escaped_and_line_ends_normalised() {
    check(
        "<r>\r\n<x xml:id=\"t\" a=\"1\r\n2\t3&#xA;4&#x9;5&#xD;6 &lt;&gt;&amp;&quot;'\" b='\"' c='>'>\r\na\rb&#xD;\nc&#13;&lt;&gt;&amp;\"'</x>\r</r>",
    );
    check("<r><x xml:id=\"t\"><![CDATA[<a>&amp;]]>]]&gt;<![CDATA[]]]]><![CDATA[>\r\n]]></x></r>");
    check("<r><x xml:id=\"t\" tên=\"Đặng\"><số>Liên thông 𝄞 &#x1F600; e\u{301}</số>\u{a0}</x></r>");
    check("<r  ><x\n\txml:id = 't'\r\n b = \"2\"   a='1'  ></x  ><y   /></r>");
}

#[test]
fn comments_and_instructions_keep_their_place() {
    check(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- first -->\n<?before  some data ?>\n<r><x xml:id=\"t\"><!-- in\r\nside --><?p?><?q  v\r\nw ?>text<!----></x></r>\n<!-- after --><?end?>\n",
    );
    check("<?a?><r><!--<x xml:id=\"n\"/>--><x xml:id=\"t\"/></r><!-- & < > \" -->");
}

#[test]
fn a_wide_document_type_is_refused_even_when_empty() {
    for text in [
        "<!DOCTYPE r><r/>",
        "<!DOCTYPE r []><r/>",
        "<?xml version=\"1.0\"?><!-- > --><!DOCTYPE r [<!ENTITY e \"x\">]><r>&e;</r>",
    ] {
        assert!(matches!(parse_secure(text.as_bytes()), Err(trust::c14n::ParseError::DocumentType)), "{text}");
    }
    parse_secure(b"<r><!-- <!DOCTYPE r> --></r>").unwrap();
}

#[test]
fn size_depth_nodes_and_encoding_are_bounded() {
    use trust::c14n::{Limits, ParseError, parse_secure_with};
    let limits = Limits { bytes: 1000, nodes: 20, depth: 4 };
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    parse_secure_with(nested(4).as_bytes(), limits).unwrap();
    assert!(matches!(parse_secure_with(nested(5).as_bytes(), limits), Err(ParseError::TooDeep { limit: 4 })));
    assert!(matches!(parse_secure_with(nested(200).as_bytes(), limits), Err(ParseError::TooLarge { .. })));
    let wide = format!("<a>{}</a>", "<b/>".repeat(30));
    assert!(matches!(parse_secure_with(wide.as_bytes(), limits), Err(ParseError::Malformed(_))));
    assert!(matches!(parse_secure_with(b"<a>\xFF</a>", limits), Err(ParseError::NotUtf8)));
    assert!(parse_secure_with(b"<p:a xmlns:p=''/>", limits).is_err());
    let bomb = nested(100_000);
    assert!(parse_secure(bomb.as_bytes()).is_err());
}

fn element(depth: u32) -> BoxedStrategy<String> {
    let name = prop::sample::select(vec!["e", "a:e", "b:f", "f"]);
    let declarations = prop::sample::subsequence(
        vec![
            " xmlns=\"urn:d\"",
            " xmlns:a=\"urn:2\"",
            " xmlns:b=\"urn:1\"",
            " xmlns:u=\"urn:3\"",
            " q=\"&#9;1\"",
            " a:q='2'",
            " b:p=\"\"",
        ],
        0..5,
    );
    let undeclare = prop::bool::weighted(0.2);
    let content = if depth == 0 {
        prop::sample::select(vec!["", "x\r\n", "&amp;&#13;", "<!--c-->", "<?p q?>"]).prop_map(str::to_owned).boxed()
    } else {
        prop::collection::vec(element(depth - 1), 0..4).prop_map(|children| children.concat()).boxed()
    };
    (name, declarations, undeclare, content)
        .prop_map(|(name, declarations, undeclare, content)| {
            let mut attributes = declarations.concat();
            if undeclare && !attributes.contains(" xmlns=") {
                attributes.push_str(" xmlns=\"\"");
            }
            // Both prefixes are always bound at the root, to different names, so a:q and b:p never collide.
            format!("<{name}{attributes}>{content}</{name}>")
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_documents_agree(inner in element(3), other in element(1)) {
        check(&format!("<r xmlns:a=\"urn:a\" xmlns:b=\"urn:b\">{other}<t xml:id=\"t\">{inner}</t></r>"));
    }

    #[test]
    fn the_canonical_form_is_a_fixed_point(inner in element(4)) {
        let text = format!("<r xmlns:a=\"urn:a\" xmlns:b=\"urn:b\">{inner}</r>");
        for uri in METHODS {
            let method = Method::from_uri(uri).unwrap();
            let once = canonicalize(parse_secure(text.as_bytes()).unwrap().root(), &method, None);
            let twice = canonicalize(parse_secure(&once).unwrap().root(), &method, None);
            prop_assert_eq!(&once, &twice);
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[<>/!?a-c:=\"' &;#x0-9\\[\\]-]{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for input in [text.as_bytes(), &bytes] {
            trust::c14n::fuzz(input);
        }
    }
}
