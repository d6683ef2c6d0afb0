//! Entry points that read signed evidence.

use trust::asic::{Container, ReadLimits};
use trust::hashchain::{Input, InputData, MESSAGE_URI, Rules, verify};

/// Hash chains: the byte `0xFF` parts the result from the chain. The quick reader and the general one must agree.
pub fn hash_chain(data: &[u8]) {
    trust::hashchain::fuzz(data);
    let mut halves = data.splitn(2, |byte| *byte == 0xFF);
    let result = halves.next().unwrap_or_default();
    let chain = halves.next().unwrap_or_default();
    // A comment at the end says nothing in XML, but the quick reader knows only its own layout and hands over.
    let general_result = [result, b"<!---->"].concat();
    let general_chain = [chain, b"<!---->"].concat();
    for uri in [MESSAGE_URI, trust::hashchain::SIGNATURES_URI] {
        let attachment = format!("{}1", trust::hashchain::ATTACHMENT_URI_PREFIX);
        let inputs = [Input { uri, data: InputData::Absent }, Input { uri: &attachment, data: InputData::Absent }];
        for rules in [Rules::SIGNATURE, Rules::TIMESTAMP] {
            for inputs in [&inputs[..1], &inputs[..]] {
                let quick = verify(result, chain, inputs, rules);
                let general = verify(&general_result, &general_chain, inputs, rules);
                assert_eq!(quick.is_ok(), general.is_ok(), "{quick:?} but {general:?}");
                if let (Ok(quick), Ok(general)) = (quick, general) {
                    assert_eq!(quick, general);
                }
            }
        }
    }
}

/// Containers: what is read can be written, and reads the same again; the verifier answers whatever it is given.
pub fn container(data: &[u8]) {
    trust::asic::fuzz(data);
    trust::verify::fuzz(data);
    let limits = ReadLimits { total_bytes: 1 << 20, entries: 64 };
    let Ok(mut read) = Container::read(data, limits) else { return };
    // Entries without a place in a container are reported, never written.
    read.unknown.clear();
    let Ok(written) = read.write() else { return };
    match Container::read(&written, limits) {
        Ok(mut again) => {
            if let (Some(read), Some(again)) = (&read.time_stamp, &mut again.time_stamp)
                && read.manifest.is_none()
            {
                again.manifest = None;
            }
            assert_eq!(again, read);
        }
        Err(error) => panic!("written, then refused: {error}"),
    }
}

/// XML signatures, and the canonical form they are computed over.
pub fn signature(data: &[u8]) {
    trust::xades::fuzz(data);
    trust::c14n::fuzz(data);
}
