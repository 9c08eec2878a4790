//! `json:` names.

use diskdag_qcow2::{Base, JsonReference, Reference, Target};

fn parse(text: &str) -> JsonReference {
    let name = ["json:", text].concat();
    match Reference::classify(name.as_bytes()) {
        Reference::Json(found) => found,
        other => panic!("{other:?}"),
    }
}

fn file(path: &str, format: Option<&str>) -> JsonReference {
    let format = format.map(|format| format.as_bytes().to_vec());
    JsonReference::File { path: path.as_bytes().to_vec(), format }
}

fn is_opaque(text: &str) -> bool {
    matches!(parse(text), JsonReference::Opaque { .. })
}

#[test]
fn what_libvirt_writes() {
    let text = r#"{"driver":"qcow2","file":{"driver":"file","filename":"/images/base.qcow2"}}"#;
    assert_eq!(parse(text), file("/images/base.qcow2", Some("qcow2")));
    let text = r#"{"driver":"raw","file":{"driver":"host_device","filename":"/dev/vg/base"}}"#;
    assert_eq!(parse(text), file("/dev/vg/base", Some("raw")));
}

#[test]
fn dotted_nested_and_mixed_keys_are_the_same() {
    for text in [
        "{'driver':'qcow2','file.driver':'file','file.filename':'/a'}",
        "{'driver':'qcow2','file':{'driver':'file','filename':'/a'}}",
        "{'file':{'driver':'file'},'file.filename':'/a','driver':'qcow2'}",
        " {\n\"file.filename\" : '/a' ,\t'driver':\"qcow2\"} ",
    ] {
        assert_eq!(parse(text), file("/a", Some("qcow2")), "{text}");
    }
}

#[test]
fn without_a_format_it_is_left_to_the_header() {
    assert_eq!(parse("{'file.filename':'/a'}"), file("/a", None));
    assert_eq!(parse("{'driver':'file','filename':'/a'}"), file("/a", None));
    assert_eq!(parse("{'file.driver':'file','file.filename':'/a'}"), file("/a", None));
}

#[test]
fn a_file_name_is_never_a_protocol_and_relative_to_the_working_directory() {
    assert_eq!(parse("{'file.filename':'nbd://h/d'}"), file("nbd://h/d", None));
    let found = Reference::classify(b"json:{'file.filename':'base'}");
    let Target::Path { path, base } = found.target(b"dir/") else { panic!("{found:?}") };
    assert_eq!((&path[..], base), (&b"base"[..], Base::WorkingDirectory));
}

#[test]
fn filters_are_followed() {
    let inner = "{'driver':'qcow2','file':{'driver':'file','filename':'/a'}}";
    for filter in ["throttle", "copy-on-read", "compress", "preallocate", "snapshot-access", "raw"]
    {
        let text = format!("{{'driver':'{filter}','file':{inner}}}");
        assert_eq!(parse(&text), file("/a", Some("qcow2")), "{filter}");
    }
    let text = "{'driver':'throttle','throttle-group':'g','file':{'filename':'/a'}}";
    assert_eq!(parse(text), file("/a", None));
    let text =
        "{'driver':'qcow2','file':{'driver':'raw','file':{'driver':'file','filename':'/a'}}}";
    assert_eq!(parse(text), file("/a", Some("qcow2")));
}

#[test]
fn a_window_of_a_raw_file_is_that_file() {
    let text = "{'driver':'raw','offset':512,'size':1024,'file':{'driver':'file','filename':'/a'}}";
    assert_eq!(parse(text), file("/a", Some("raw")));
    let text = "{'driver':'qcow2','file':{'driver':'raw','offset':512,'file':{'driver':'file','filename':'/a'}}}";
    assert!(is_opaque(text), "what the image in the window names can't be told");
}

#[test]
fn options_that_open_nothing_are_passed_over() {
    let text = "{'driver':'qcow2','read-only':true,'l2-cache-size':1048576,'cache':{'direct':true},\
                'node-name':'n','file':{'driver':'file','filename':'/a','aio':'native','locking':'off',\
                'cache':{'no-flush':false}}}";
    assert_eq!(parse(text), file("/a", Some("qcow2")));
}

#[test]
fn remote_drivers() {
    for (driver, text) in [
        ("nbd", "{'driver':'nbd','server':{'type':'unix','path':'/s'}}"),
        ("nbd", "{'driver':'qcow2','file':{'driver':'nbd','host':'h'}}"),
        ("https", "{'file.driver':'https','file.url':'https://h/x'}"),
        ("gluster", "{'driver':'raw','file':{'driver':'gluster','server':[{'type':'tcp'}]}}"),
        ("null-co", "{'driver':'null-co','size':512}"),
        ("rbd", "{'driver':'raw','file':{'driver':'rbd','pool':'p','image':'i'}}"),
    ] {
        assert_eq!(parse(text), JsonReference::Remote { driver: driver.into() }, "{text}");
    }
}

#[test]
fn whatever_may_open_something_else_is_opaque() {
    for text in [
        // Overrides of what the header says.
        "{'driver':'qcow2','file':{'driver':'file','filename':'/a'},'backing':null}",
        "{'driver':'qcow2','file.filename':'/a','backing.file.filename':'/b'}",
        "{'driver':'qcow2','file.filename':'/a','data-file':{'driver':'file','filename':'/b'}}",
        "{'driver':'luks','file.filename':'/a','header':{'driver':'file','filename':'/b'}}",
        // Node names.
        "{'driver':'qcow2','file':'node0'}",
        "{'driver':'qcow2','file':null}",
        // Other children, several of them, none.
        "{'driver':'quorum','children':[{'driver':'file','filename':'/a'}]}",
        "{'driver':'blkdebug','image':{'driver':'file','filename':'/a'}}",
        "{'driver':'raw','file.filename':'/a','other':{'driver':'file','filename':'/b'}}",
        "{'driver':'vvfat','dir':'/d'}",
        "{'driver':'nosuchdriver','file.filename':'/a'}",
        "{'driver':'qcow2'}",
        "{'driver':'qcow2','filename':'/a'}",
        "{'driver':'file'}",
        "{'driver':'file','filename':7}",
        "{'driver':'file','filename':''}",
        "{'driver':'file','filename':'/a\\u0000b'}",
        "{'driver':7,'file.filename':'/a'}",
        "{'filename':'/a'}",
        "{}",
        // A format in a format.
        "{'driver':'qcow2','file':{'driver':'luks','file':{'driver':'file','filename':'/a'}}}",
        // Twice the same option.
        "{'driver':'raw','driver':'qcow2','file.filename':'/a'}",
        "{'file':{'filename':'/a'},'file.filename':'/b'}",
        // No JSON, or no object.
        "",
        "{",
        "[]",
        "'x'",
        "{'file.filename':'/a'}}",
        "{'file.filename':'/a',}",
    ] {
        assert!(is_opaque(text), "{text}");
    }
}

#[test]
fn deep_nesting_ends() {
    assert!(is_opaque(&"[".repeat(1000)));
    assert!(is_opaque(&"{'a':".repeat(1_000_000)));
    let layers = "{'driver':'throttle','file':".repeat(30) + "{}" + &"}".repeat(30);
    assert!(is_opaque(&layers));
}
