//! Writes signatures as text that already is canonical.
//!
//! The two subtrees that get digested, `ds:SignedInfo` and `xades:SignedProperties`, repeat the namespace declarations in
//! scope. That is redundant XML but makes the bytes written equal to their inclusive canonical form, so they are digested as
//! they stand and no canonicalization runs when signing. Tests hold this against the general canonicalizer and `xmlsec1`.

use super::{ASIC_NAMESPACE, DS_NAMESPACE, SIGNED_PROPERTIES_TYPE, XADES_NAMESPACE};
use crate::c14n::C14N;
use crate::cert::Certificate;
use crate::hashchain::{Digest, MESSAGE_URI, SIGNATURE_RESULT_URI, digest_uri};
use crate::key::{DigestKind, KeyError, SignatureAlgorithm, SigningKey, ecdsa_der_to_fixed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use std::fmt::Write as _;
use std::sync::Arc;

/// The signature policy every message signature names.
mod policy {
    pub const IDENTIFIER: &str = "urn:oid:1.3.6.1.4.1.3516.16.2";
    pub const DESCRIPTION: &str = "Profile for High Performance Digital Signatures (version 1.2)";
    pub const SHA512: &str = "BuO0EDNfkxSVlUbxCzmQPzX1AUF1/xx9ytWHk3/6SAOePxQiniEfDYk+90QeYb3lWpV3Izhuz9fKaYyE+lTcXw==";
    pub const DOCUMENT: &str = "https://repo.cyber.ee/dsig-profile-1.2.pdf";
}

/// What a signature covers directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedObject {
    /// A message of a single part; SHA-512 of `/message.xml`.
    Message(Digest),
    /// A batch; SHA-512 of `/sig-hashchainresult.xml`.
    HashChainResult(Digest),
}

impl SignedObject {
    fn digest(&self) -> &Digest {
        match self {
            Self::Message(digest) | Self::HashChainResult(digest) => digest,
        }
    }

    fn uri(&self) -> &'static str {
        match self {
            Self::Message(_) => MESSAGE_URI,
            Self::HashChainResult(_) => SIGNATURE_RESULT_URI,
        }
    }

    fn media_type(&self) -> &'static str {
        match self {
            Self::Message(_) => "text/xml",
            Self::HashChainResult(_) => "application/hash-chain-result",
        }
    }
}

/// Why no signature could be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The certificate certifies another key.
    #[error("the signing certificate does not belong to the signing key")]
    OtherKey,
    /// The key refused to sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A finished signature.
#[derive(Debug, Clone)]
pub struct Signed {
    /// `META-INF/signatures.xml`.
    pub xml: String,
    /// The raw signature value: what a time-stamp of this signature alone covers.
    pub value: Vec<u8>,
}

/// Signs for one key with one certificate and its current OCSP response. Cheap to share, made anew when any of them changes.
#[derive(Debug)]
pub struct SignatureBuilder {
    key: Arc<dyn SigningKey>,
    algorithm: SignatureAlgorithm,
    /// `ds:SignedInfo` up to the URI of the first reference.
    info_head: String,
    /// `xades:SignedProperties` between signing time and media type.
    properties_middle: String,
    /// From the end of the signature value to the start of the signed properties.
    key_info: String,
    /// From the end of the signed properties to the end of the document.
    tail: String,
}

const DOCUMENT_HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<asic:XAdESSignatures xmlns:asic=\"http://uri.etsi.org/02918/v1.2.1#\">",
    "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" Id=\"signature\">"
);
const UNSIGNED_HEAD: &str = "<xades:UnsignedProperties><xades:UnsignedSignatureProperties>";
const UNSIGNED_TAIL: &str = "</xades:UnsignedSignatureProperties></xades:UnsignedProperties></xades:QualifyingProperties>\
     </ds:Object></ds:Signature></asic:XAdESSignatures>";

impl SignatureBuilder {
    /// Prepares signing with `key`, certified by `certificate`.
    ///
    /// `issuers` are the certificates above it that a verifier may want (issuing authority first) and, if it is not one of
    /// them, the certificate of the OCSP responder; `ocsp_response` is the DER of the newest answer about `certificate`.
    ///
    /// # Errors
    /// [`BuildError::OtherKey`] when key and certificate do not belong together.
    pub fn new(
        key: Arc<dyn SigningKey>,
        certificate: &Certificate,
        issuers: &[Certificate],
        ocsp_response: &[u8],
    ) -> Result<Self, BuildError> {
        if key.public_key_der() != certificate.public_key_der() {
            return Err(BuildError::OtherKey);
        }
        let algorithm = key.kind().message_algorithm();
        Ok(Self {
            algorithm,
            info_head: format!(
                "<ds:SignedInfo xmlns:asic=\"{ASIC_NAMESPACE}\" xmlns:ds=\"{DS_NAMESPACE}\">\
                 <ds:CanonicalizationMethod Algorithm=\"{C14N}\"></ds:CanonicalizationMethod>\
                 <ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>\
                 <ds:Reference Id=\"signature-reference-0\" URI=\"",
                algorithm.xml_uri()
            ),
            properties_middle: properties_middle(certificate),
            key_info: format!(
                "</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>\
                 </ds:KeyInfo><ds:Object><xades:QualifyingProperties xmlns:xades=\"{XADES_NAMESPACE}\" Target=\"#signature\">",
                STANDARD.encode(certificate.der())
            ),
            tail: unsigned_properties(issuers, ocsp_response),
            key,
        })
    }

    /// Signs `object`, stating `at` as the signing time. One private-key operation.
    ///
    /// # Errors
    /// [`BuildError::Key`] when the key (or its device) refuses.
    pub fn sign(&self, object: SignedObject, at: Timestamp) -> Result<Signed, BuildError> {
        let properties = self.signed_properties(object, at);
        let info = self.signed_info(object, &properties);
        let signature = self.key.sign(self.algorithm, info.as_bytes())?;
        // XML signatures carry ECDSA values as two fixed-width numbers, not as DER (RFC 4050 §3.3, RFC 6931 §2.3.6).
        let value = match self.key.kind() {
            kind if !kind.is_ec() => signature,
            crate::key::KeyKind::EcP384 => ecdsa_der_to_fixed(&signature, 48)?,
            _ => ecdsa_der_to_fixed(&signature, 32)?,
        };

        let length = DOCUMENT_HEAD.len() + info.len() + self.key_info.len() + properties.len() + self.tail.len();
        let mut xml = String::with_capacity(length + value.len() * 4 / 3 + 64);
        xml.push_str(DOCUMENT_HEAD);
        xml.push_str(&info);
        xml.push_str("<ds:SignatureValue Id=\"signature-value\">");
        STANDARD.encode_string(&value, &mut xml);
        xml.push_str(&self.key_info);
        xml.push_str(&properties);
        xml.push_str(&self.tail);
        Ok(Signed { xml, value })
    }

    /// The algorithm of the signatures made.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    fn signed_properties(&self, object: SignedObject, at: Timestamp) -> String {
        let mut out = String::with_capacity(self.properties_middle.len() + 640);
        out.push_str("<xades:SignedProperties xmlns:asic=\"");
        out.push_str(ASIC_NAMESPACE);
        out.push_str("\" xmlns:ds=\"");
        out.push_str(DS_NAMESPACE);
        out.push_str("\" xmlns:xades=\"");
        out.push_str(XADES_NAMESPACE);
        out.push_str("\" Id=\"signed-properties\"><xades:SignedSignatureProperties><xades:SigningTime>");
        // Writing to a String cannot fail. Milliseconds are as fine as readers of other makes are known to take.
        write!(out, "{at:.3}").ok();
        out.push_str(&self.properties_middle);
        out.push_str(object.media_type());
        out.push_str(
            "</xades:MimeType></xades:DataObjectFormat></xades:SignedDataObjectProperties></xades:SignedProperties>",
        );
        out
    }

    fn signed_info(&self, object: SignedObject, properties: &str) -> String {
        let mut out = String::with_capacity(self.info_head.len() + 1024);
        out.push_str(&self.info_head);
        out.push_str(object.uri());
        out.push_str("\">");
        push_digest(&mut out, object.digest());
        out.push_str("</ds:Reference><ds:Reference Id=\"signature-reference-1\" Type=\"");
        out.push_str(SIGNED_PROPERTIES_TYPE);
        out.push_str("\" URI=\"#signed-properties\"><ds:Transforms><ds:Transform Algorithm=\"");
        out.push_str(C14N);
        out.push_str("\"></ds:Transform></ds:Transforms>");
        push_digest(&mut out, DigestKind::Sha512.digest(properties.as_bytes()).as_ref());
        out.push_str("</ds:Reference></ds:SignedInfo>");
        out
    }
}

/// Adds a `SignatureTimeStamp` to a signature written by [`SignatureBuilder`]; `token` is the DER of a time-stamp over
/// [`Signed::value`]. Unsigned properties are outside the signature, which stays valid.
///
/// `None` when `xml` was not written here.
pub fn add_time_stamp(xml: &str, token: &[u8]) -> Option<String> {
    let at = xml.rfind(UNSIGNED_HEAD)? + UNSIGNED_HEAD.len();
    let (before, after) = xml.split_at_checked(at)?;
    Some(format!(
        "{before}<xades:SignatureTimeStamp Id=\"signature-time-stamp\">\
         <ds:CanonicalizationMethod Algorithm=\"{C14N}\"></ds:CanonicalizationMethod>\
         <xades:EncapsulatedTimeStamp>{}</xades:EncapsulatedTimeStamp></xades:SignatureTimeStamp>{after}",
        STANDARD.encode(token)
    ))
}

/// `DigestMethod` and `DigestValue` of a SHA-512 digest, in canonical form.
fn push_digest(out: &mut String, digest: &[u8]) {
    out.push_str("<ds:DigestMethod Algorithm=\"");
    out.push_str(digest_uri(DigestKind::Sha512));
    out.push_str("\"></ds:DigestMethod><ds:DigestValue>");
    STANDARD.encode_string(digest, out);
    out.push_str("</ds:DigestValue>");
}

fn push_certificate_reference(out: &mut String, certificate: &Certificate) {
    out.push_str("<xades:CertDigest>");
    push_digest(out, DigestKind::Sha512.digest(certificate.der()).as_ref());
    out.push_str("</xades:CertDigest><xades:IssuerSerial><ds:X509IssuerName>");
    out.push_str(&quick_xml::escape::partial_escape(certificate.issuer()).replace('\r', "&#xD;"));
    out.push_str("</ds:X509IssuerName><ds:X509SerialNumber>");
    out.push_str(&certificate.serial_decimal());
    out.push_str("</ds:X509SerialNumber></xades:IssuerSerial>");
}

fn properties_middle(certificate: &Certificate) -> String {
    let mut out = String::with_capacity(2048);
    out.push_str("</xades:SigningTime><xades:SigningCertificate><xades:Cert>");
    push_certificate_reference(&mut out, certificate);
    out.push_str("</xades:Cert></xades:SigningCertificate><xades:SignaturePolicyIdentifier><xades:SignaturePolicyId>");
    out.push_str("<xades:SigPolicyId><xades:Identifier>");
    out.push_str(policy::IDENTIFIER);
    out.push_str("</xades:Identifier><xades:Description>");
    out.push_str(policy::DESCRIPTION);
    out.push_str("</xades:Description></xades:SigPolicyId><xades:SigPolicyHash><ds:DigestMethod Algorithm=\"");
    out.push_str(digest_uri(DigestKind::Sha512));
    out.push_str("\"></ds:DigestMethod><ds:DigestValue>");
    out.push_str(policy::SHA512);
    out.push_str(
        "</ds:DigestValue></xades:SigPolicyHash><xades:SigPolicyQualifiers><xades:SigPolicyQualifier><xades:SPURI>",
    );
    out.push_str(policy::DOCUMENT);
    out.push_str("</xades:SPURI></xades:SigPolicyQualifier></xades:SigPolicyQualifiers></xades:SignaturePolicyId>");
    out.push_str(
        "</xades:SignaturePolicyIdentifier></xades:SignedSignatureProperties><xades:SignedDataObjectProperties>",
    );
    out.push_str("<xades:DataObjectFormat ObjectReference=\"#signature-reference-0\"><xades:MimeType>");
    out
}

/// Everything a verifier needs to judge the certificate later; from the end of the signed properties to the end of the document.
fn unsigned_properties(issuers: &[Certificate], ocsp_response: &[u8]) -> String {
    let mut out = String::with_capacity(4096 + ocsp_response.len() * 4 / 3);
    out.push_str(UNSIGNED_HEAD);
    if !issuers.is_empty() {
        out.push_str("<xades:CompleteCertificateRefs Id=\"complete-certificate-refs\"><xades:CertRefs>");
        for (certificate, number) in issuers.iter().zip(1_usize..) {
            write!(out, "<xades:Cert URI=\"#encapsulated-cert-{number}\">").ok();
            push_certificate_reference(&mut out, certificate);
            out.push_str("</xades:Cert>");
        }
        out.push_str("</xades:CertRefs></xades:CompleteCertificateRefs><xades:CertificateValues>");
        for (certificate, number) in issuers.iter().zip(1_usize..) {
            write!(out, "<xades:EncapsulatedX509Certificate Id=\"encapsulated-cert-{number}\">").ok();
            STANDARD.encode_string(certificate.der(), &mut out);
            out.push_str("</xades:EncapsulatedX509Certificate>");
        }
        out.push_str("</xades:CertificateValues>");
    }
    out.push_str("<xades:RevocationValues><xades:OCSPValues><xades:EncapsulatedOCSPValue Id=\"ocsp-response-1\">");
    STANDARD.encode_string(ocsp_response, &mut out);
    out.push_str("</xades:EncapsulatedOCSPValue></xades:OCSPValues></xades:RevocationValues>");
    out.push_str(UNSIGNED_TAIL);
    out
}
