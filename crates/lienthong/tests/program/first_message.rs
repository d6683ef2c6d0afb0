//! The commands of docs/first-message.md, as they stand there, in processes of their own. Only the ports are moved to free ones.

use std::fs;
use std::process::Command;

use crate::{PROGRAM, free_hundred, text};

/// The way with an authority that does not enrol by itself: a key, a request, a certificate brought in. And the stopped gateway's log.
const BY_HAND: &str = r#"
lienthong -c g01/lienthong.toml gateway key create --purpose sign --key-kind rsa-2048 | tee key.txt
key=$(grep -oE '[0-9a-f]{32}' key.txt | head -n 1)
lienthong -c g01/lienthong.toml gateway key csr "$key" --out sign.csr
curl --silent --show-error --fail --header "Authorization: Bearer $(lienthong -c hub/lienthong.toml pki token)" \
  --data-binary @sign.csr --output sign.pem http://127.0.0.1:21000/sign/sign
lienthong -c g01/lienthong.toml gateway key import sign.pem
kill %4 && wait %4
lienthong -c h26/lienthong.toml log search --id thong-diep-dau-tien
lienthong -c h26/lienthong.toml log export thong-diep-dau-tien --client VN:GOV:H26:motcua --out log.zip
lienthong -c h26/lienthong.toml verify log.zip > log.txt
"#;

/// The shell blocks of the page.
fn script() -> String {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/first-message.md")).unwrap();
    let mut script = String::from("set -e\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n");
    for block in page.split("```sh\n").skip(1) {
        script += block.split("```").next().unwrap();
    }
    script
}

#[test]
fn the_page_leads_from_an_empty_folder_to_a_verified_message() {
    let folder = tempfile::tempdir().unwrap();
    let base = free_hundred(28_000);
    // The page uses ports 21000 to 21028.
    let script = (script() + BY_HAND).replace("210", &(base / 100).to_string());
    let bin = std::path::Path::new(PROGRAM).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell.current_dir(folder.path()).env("PATH", path).env("LIENTHONG_LOG", "off").env_remove("LIENTHONG_PIN");
    let output = shell.args(["-c", &script]).output().unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", text(&output.stderr));
    assert!(said.contains(r#""stamp":"#), "the answer of the service is missing:\n{said}");
    assert_eq!(said.matches("Kết luận: HỢP LỆ").count(), 2, "{said}");
    assert!(said.contains("consumer request  ✓ thong-diep-dau-tien"), "{said}");
    let pin = fs::metadata(folder.path().join("g01/state/gateway/pin")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&pin) & 0o777, 0o600);
}
