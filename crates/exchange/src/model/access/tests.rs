//! The access decision: every kind of subject, every kind of endpoint, and what must never get through.

use std::cell::Cell;

use proptest::prelude::*;

use super::*;

fn provider() -> ClientId {
    ClientId::subsystem("VN", "GOV", "G01", "dancu")
}

fn caller(code: &str) -> ClientId {
    ClientId::subsystem("VN", "GOV", code, "motcua")
}

fn endpoint(id: i64, method: &str, path: &str) -> Arc<Endpoint> {
    Arc::new(Endpoint::new(id, method, path, false).unwrap())
}

fn rights(granted: Vec<(Subject, Arc<Endpoint>)>) -> Rights {
    let service = Arc::new(ServiceId::new(provider(), "tracuu"));
    let groups = LocalGroups::new([("tinh".into(), caller("T01")), ("tinh".into(), caller("T02"))]);
    Rights::new(service, Arc::new(groups), granted)
}

struct Groups(Vec<(ClientId, GlobalGroupId)>);

impl GroupLookup for Groups {
    fn each_group_of(&self, client: &ClientId, visit: &mut dyn FnMut(&GlobalGroupId) -> ControlFlow<()>) {
        for (_, group) in self.0.iter().filter(|(member, _)| member == client) {
            if visit(group).is_break() {
                return;
            }
        }
    }
}

#[test]
fn what_nobody_granted_is_denied() {
    assert_eq!(rights(vec![]).decide(&caller("G02"), &NoGroups, "GET", "/").unwrap_err(), Denied::NoRight);
}

#[test]
fn a_right_on_the_base_endpoint_is_a_right_on_the_whole_service() {
    let rights = rights(vec![(Subject::Client(caller("G02")), endpoint(1, "*", "**"))]);
    let permit = rights.decide(&caller("G02"), &NoGroups, "DELETE", "/any/thing").unwrap();
    assert_eq!(permit.service().code.as_ref(), "tracuu");
    assert_eq!(permit.subject(), &Subject::Client(caller("G02")));
    assert!(permit.endpoint().is_base());
    assert!(rights.decide(&caller("G03"), &NoGroups, "DELETE", "/any/thing").is_err());
    assert_eq!(
        rights.decide(&caller("G02"), &NoGroups, "GET", "/../admin").unwrap_err(),
        Denied::Path(PathFault::Traversal),
        "a right on everything of this service is not a right on what stands beside it"
    );
}

#[test]
fn an_endpoint_right_covers_its_method_and_path_only() {
    let rights = rights(vec![
        (Subject::Client(caller("G02")), endpoint(1, "GET", "/nguoi/*")),
        (Subject::Client(caller("G02")), endpoint(2, "POST", "/nguoi")),
        (Subject::Client(caller("G02")), endpoint(3, "*", "/cong-khai/**")),
    ]);
    for (method, path, allowed) in [
        ("GET", "/nguoi/0123", true),
        ("get", "/nguoi/0123?x=1", true),
        ("GET", "/nguoi/0123/hoso", false),
        ("GET", "/nguoi/0123%2Fhoso", false),
        ("GET", "/nguoi/0123\\hoso", false),
        ("GET", "/NGUOI/0123", false),
        ("POST", "/nguoi/0123", false),
        ("POST", "/nguoi", true),
        ("GET", "/nguoi", false),
        ("PUT", "/cong-khai/a/b", true),
        ("GET", "/cong-khai/..;/nguoi", false),
        ("GET", "/cong-khai/%252e%252e/nguoi", false),
    ] {
        assert_eq!(rights.decide(&caller("G02"), &NoGroups, method, path).is_ok(), allowed, "{method} {path}");
    }
}

#[test]
fn groups_carry_their_rights_to_their_members() {
    let global = GlobalGroupId::new("VN", "bo-nganh");
    let rights = rights(vec![
        (Subject::LocalGroup("tinh".into()), endpoint(1, "GET", "/a")),
        (Subject::GlobalGroup(global.clone()), endpoint(2, "GET", "/b")),
    ]);
    let groups = Groups(vec![(caller("B01"), GlobalGroupId::new("VN", "khac")), (caller("B01"), global.clone())]);
    let permit = rights.decide(&caller("T02"), &groups, "GET", "/a").unwrap();
    assert_eq!(permit.subject(), &Subject::LocalGroup("tinh".into()));
    let permit = rights.decide(&caller("B01"), &groups, "GET", "/b").unwrap();
    assert_eq!(permit.subject(), &Subject::GlobalGroup(global));
    assert!(rights.decide(&caller("T02"), &groups, "GET", "/b").is_err());
    assert!(rights.decide(&caller("B01"), &NoGroups, "GET", "/b").is_err(), "left the group, lost the right");
}

#[test]
fn a_right_of_the_member_is_not_a_right_of_its_subsystems() {
    let member = ClientId::member("VN", "GOV", "G02");
    let rights = rights(vec![(Subject::Client(member.clone()), endpoint(1, "*", "**"))]);
    assert!(rights.decide(&member, &NoGroups, "GET", "/").is_ok());
    assert!(rights.decide(&caller("G02"), &NoGroups, "GET", "/").is_err());
}

#[test]
fn allowed_lists_each_endpoint_once() {
    let base = endpoint(1, "*", "**");
    let rights = rights(vec![
        (Subject::Client(caller("T01")), base.clone()),
        (Subject::LocalGroup("tinh".into()), base),
        (Subject::LocalGroup("tinh".into()), endpoint(2, "GET", "/a")),
    ]);
    let ids: Vec<i64> = rights.allowed(&caller("T01"), &NoGroups).iter().map(|endpoint| endpoint.id).collect();
    assert_eq!(ids, [1, 2]);
    assert!(rights.allowed(&caller("G09"), &NoGroups).is_empty());
}

/// Counts how often the decision asks about a group: the one thing outside the hash look-ups that could grow.
struct CountingGroups(Cell<usize>);

impl GroupLookup for CountingGroups {
    fn each_group_of(&self, _: &ClientId, visit: &mut dyn FnMut(&GlobalGroupId) -> ControlFlow<()>) {
        self.0.set(self.0.get() + 1);
        let _ = visit(&GlobalGroupId::new("VN", "g7"));
    }
}

#[test]
fn a_decision_visits_the_caller_only_however_many_rights_there_are() {
    let single = endpoint(1, "GET", "/a/*");
    for subjects in [100, 100_000] {
        let granted = (0..subjects).map(|number| (Subject::Client(caller(&format!("G{number}"))), single.clone()));
        let rights = rights(granted.collect());
        let groups = CountingGroups(Cell::new(0));
        let mut visited = 0;
        rights.each_grant(&caller("G99"), &groups, &mut |_, grant| {
            visited += grant.endpoints().count();
            ControlFlow::Continue(())
        });
        assert_eq!((visited, groups.0.get()), (1, 0));
        assert!(rights.decide(&caller("G99"), &groups, "GET", "/a/1").is_ok());
    }
}

/// How servers of many kinds may read a raw path: decoding up to three times, taking `\\` for `/` or not, dropping path parameters or
/// not; then resolving dot segments.
fn readings(raw: &str) -> Vec<String> {
    let mut texts = vec![raw.split('?').next().unwrap_or_default().to_owned()];
    for _ in 0..3 {
        let last = texts.last().unwrap();
        texts.push(percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned());
    }
    let mut readings = Vec::new();
    for text in texts {
        for text in [text.clone(), text.replace('\\', "/")] {
            for drop_parameters in [false, true] {
                let mut resolved: Vec<&str> = Vec::new();
                for segment in text.split('/') {
                    let name = if drop_parameters { segment.split(';').next().unwrap_or_default() } else { segment };
                    match name {
                        "" | "." => {}
                        ".." => drop(resolved.pop()),
                        name => resolved.push(name),
                    }
                }
                readings.push(resolved.join("/"));
            }
        }
    }
    readings
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_server_reads_a_permitted_path_as_one_outside_the_right(
        tail in "(/|\\.|\\.\\.|%2e|%2E|%2f|%5c|\\\\|%25|2e|2f|5c|;|%3b|%00| |a|public|%70|\\?|#){0,9}",
        start in "/|/public/|/public|//public/|/a/",
    ) {
        let raw = format!("{start}{tail}");
        let tree = rights(vec![(Subject::Client(caller("G02")), endpoint(1, "GET", "/public/**"))]);
        let one = rights(vec![(Subject::Client(caller("G02")), endpoint(1, "GET", "/public/*"))]);
        if tree.decide(&caller("G02"), &NoGroups, "GET", &raw).is_ok() {
            for reading in readings(&raw) {
                prop_assert!(reading == "public" || reading.starts_with("public/"), "{raw} may be read as {reading}");
            }
        }
        if one.decide(&caller("G02"), &NoGroups, "GET", &raw).is_ok() {
            for reading in readings(&raw) {
                prop_assert!(reading.split('/').count() <= 2, "{raw} may be read as {reading}");
            }
        }
    }
}

proptest! {
    #[test]
    fn the_index_decides_as_a_walk_over_all_rights_would(
        endpoints in proptest::collection::vec(("GET|POST|\\*", "(/[ab]|/\\*|/\\*\\*){1,3}"), 1..8),
        holders in proptest::collection::vec((0_usize..8, 0_u8..3), 1..12),
        method in "GET|POST|get",
        path in "(/[abc]){1,4}",
    ) {
        let endpoints: Vec<_> = endpoints
            .iter()
            .enumerate()
            .map(|(id, (method, path))| endpoint(i64::try_from(id).unwrap(), method, path))
            .collect();
        let granted: Vec<(Subject, Arc<Endpoint>)> = holders
            .iter()
            .map(|(index, kind)| {
                let subject = match kind {
                    0 => Subject::Client(caller("T01")),
                    1 => Subject::LocalGroup("tinh".into()),
                    _ => Subject::Client(caller("G05")),
                };
                (subject, endpoints[index % endpoints.len()].clone())
            })
            .collect();
        let expected = granted
            .iter()
            .filter(|(subject, _)| *subject != Subject::Client(caller("G05")))
            .any(|(_, endpoint)| endpoint.covers(&method, path.as_bytes()));
        prop_assert_eq!(rights(granted).decide(&caller("T01"), &NoGroups, &method, &path).is_ok(), expected);
    }
}

#[test]
fn subjects_are_read_back_from_their_written_form() {
    for subject in [
        Subject::Client(caller("G02")),
        Subject::Client(ClientId::member("VN", "GOV", "a:b/c%")),
        Subject::LocalGroup("nhóm:1".into()),
        Subject::GlobalGroup(GlobalGroupId::new("VN", "bộ ngành")),
    ] {
        assert_eq!(subject.key().parse(), Ok(subject));
    }
    for text in
        ["", "client", "client:VN", "local-group:", "local-group:a:b:c", "global-group:VN", "global-group:a:b:c", "x:a"]
    {
        assert!(text.parse::<Subject>().is_err(), "{text}");
    }
}
