//! What libvirt writes: domains with their disks, and pools with their volumes.
//!
//! Read as a stream: nothing is nested in memory, no entity but XML's own five is expanded, and
//! nothing that the file names is fetched.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::doubt::{Doubt, DoubtKind};

/// Deeper than libvirt nests, chains of backing stores included.
const DEEPEST: usize = 4096;

/// What an owner was found to name.
pub(super) struct Named {
    pub(super) owner: Box<str>,
    pub(super) path: PathBuf,
    pub(super) source: PathBuf,
}

/// A volume of a pool: where it lies, the pool knows.
struct Volume {
    owner: Box<str>,
    pool: String,
    name: String,
    source: PathBuf,
}

/// All files read so far.
#[derive(Default)]
pub(super) struct Definitions {
    named: Vec<Named>,
    volumes: Vec<Volume>,
    /// Where their volumes lie; nothing for a pool on another host.
    pools: HashMap<String, Option<PathBuf>>,
}

/// What libvirt keeps in files beside domains and pools: none of it names disks.
const NO_OWNERS: &[&str] =
    &["network", "networkport", "nwfilter", "nwfilterbinding", "interface", "secret", "nodedev"];

impl Definitions {
    /// Reads one file.
    pub(super) fn add(&mut self, source: &Path, text: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let file = File::read(text)?;
        let Some(root) = &file.root else { return Err("holds no XML element".to_owned()) };
        if root == "pool" {
            if let Some(name) = file.name {
                self.pools.insert(name, file.target.map(PathBuf::from));
            }
            return Ok(());
        }
        if NO_OWNERS.contains(&root.as_str()) {
            return Ok(());
        }
        // A domain, or what has one in it: a snapshot, a checkpoint, the state of one that runs.
        let Some(name) = file.domain.or(file.name.filter(|_| root.starts_with("domain"))) else {
            return Err(format!("`{root}` defines no domain"));
        };
        let owner: Box<str> = format!("vm {name}").into();
        for path in file.paths {
            let (owner, source) = (owner.clone(), source.to_owned());
            self.named.push(Named { owner, path: path.into(), source });
        }
        for (pool, name) in file.volumes {
            let (owner, source) = (owner.clone(), source.to_owned());
            self.volumes.push(Volume { owner, pool, name, source });
        }
        Ok(())
    }

    /// Everything that is named. A volume whose pool nobody has defined is a doubt.
    pub(super) fn resolve(self, doubts: &mut Vec<Doubt>) -> Vec<Named> {
        let Self { mut named, volumes, pools } = self;
        for Volume { owner, pool, name, source } in volumes {
            match pools.get(&pool) {
                Some(None) => {}
                Some(Some(target)) => named.push(Named { owner, path: target.join(name), source }),
                None => doubts.push(Doubt {
                    path: source,
                    kind: DoubtKind::Owner,
                    reason: format!(
                        "{owner} names volume {name:?} of pool {pool:?}, and none of the files given \
                         says where that is"
                    ),
                }),
            }
        }
        named
    }
}

/// What one file says.
#[derive(Default)]
struct File {
    root: Option<String>,
    /// The name of the root, and that of the domain in it.
    name: Option<String>,
    domain: Option<String>,
    target: Option<String>,
    paths: Vec<String>,
    volumes: Vec<(String, String)>,
}

impl File {
    fn read(text: &str) -> Result<Self, String> {
        let mut file = Self::default();
        let mut reader = Reader::from_str(text);
        let mut stack: Vec<String> = Vec::new();
        let mut words = String::new();
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(element) => {
                    file.begin(&element, stack.is_empty())?;
                    stack.push(element.local_name().as_ref().to_owned());
                    words.clear();
                    if stack.len() > DEEPEST {
                        return Err("nested deeper than libvirt does".to_owned());
                    }
                }
                Event::Empty(element) => file.begin(&element, stack.is_empty())?,
                Event::End(_) => {
                    file.end(&stack, words.trim());
                    words.clear();
                    stack.pop();
                }
                Event::Text(more) => words.push_str(&more.xml10_content()),
                Event::CData(more) => words.push_str(&more.xml10_content()),
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().map_err(|e| e.to_string())?;
                    let named = || quick_xml::escape::resolve_predefined_entity(&reference);
                    match (character, named()) {
                        (Some(character), _) => words.push(character),
                        (None, Some(text)) => words.push_str(text),
                        (None, None) => return Err("an entity of its own".to_owned()),
                    }
                }
                Event::DocType(_) => return Err("a document type of its own".to_owned()),
                Event::Eof if stack.is_empty() => return Ok(file),
                Event::Eof => return Err("ends within an element".to_owned()),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            }
        }
    }

    /// An element begins; its attributes say where a disk, a mirror, a layer of a chain lies.
    fn begin(&mut self, element: &BytesStart<'_>, is_root: bool) -> Result<(), String> {
        let name = element.local_name();
        if is_root && self.root.is_none() {
            self.root = Some(name.as_ref().to_owned());
        }
        let is_argument = match name.as_ref() {
            "source" => false,
            // Of QEMU's own command line, and firmware's variables.
            "arg" | "varstore" => true,
            _ => return Ok(()),
        };
        let (mut pool, mut volume) = (None, None);
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| error.to_string())?;
            match attribute.key.local_name().as_ref() {
                // The source of a network card has a `dev` too: that is no path.
                _ if is_argument => self.paths.extend(paths_in(&value)),
                "file" | "dev" if value.starts_with('/') => self.paths.push(value.into_owned()),
                "pool" => pool = Some(value.into_owned()),
                "volume" => volume = Some(value.into_owned()),
                _ => {}
            }
        }
        self.volumes.extend(pool.zip(volume));
        Ok(())
    }

    /// An element ends, with these words in it.
    fn end(&mut self, stack: &[String], words: &str) {
        let Some(name) = stack.last() else { return };
        let within = stack.len().checked_sub(2).and_then(|at| stack.get(at)).map(String::as_str);
        let is_path = words.starts_with('/');
        match (name.as_str(), within) {
            ("name", Some("domain")) if self.domain.is_none() => {
                self.domain = Some(words.to_owned());
            }
            ("name", _) if stack.len() == 2 => self.name = Some(words.to_owned()),
            ("path", Some("target")) if is_path => self.target = Some(words.to_owned()),
            // Firmware and its variables, what is booted directly, and the file of an NVDIMM.
            ("nvram" | "loader" | "kernel" | "initrd" | "dtb", _) | ("path", Some("source"))
                if is_path =>
            {
                self.paths.push(words.to_owned());
            }
            _ => {}
        }
    }
}

/// Whatever may be a path in an argument to QEMU: `file=/a,if=virtio`, `{"filename": "/a"}`, `/a`. What is
/// none is not there, and claims nothing.
fn paths_in(argument: &str) -> Vec<String> {
    // QEMU writes a comma that is part of a name twice.
    let whole = argument.replace(",,", "\0");
    let parts = whole.split([',', '=', '"', '\'']).filter(|part| part.starts_with('/'));
    parts.map(|part| part.replace('\0', ",")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: &str = r#"<?xml version='1.0'?><!-- generated -->
<domain type='kvm'>
  <name>build &amp; a</name>
  <os><loader readonly='yes' type='pflash'>/usr/share/OVMF/CODE.fd</loader>
    <nvram template='/x'>/var/lib/vars&amp;a.fd</nvram></os>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
      <source file='/images/a&quot;.qcow2'/>
      <backingStore type='file'><source file='/images/base.qcow2'/><backingStore/></backingStore>
    </disk>
    <disk type='block'><source dev='/dev/vg/lv'/></disk>
    <disk type='volume'><source pool='default' volume='v.qcow2'/></disk>
    <disk type='network'><source protocol='rbd' name='pool/image'/></disk>
    <interface type='direct'><source dev='eth0'/></interface>
  </devices>
</domain>"#;

    #[test]
    fn a_domain_names_its_disks_its_layers_and_its_firmware() {
        let mut definitions = Definitions::default();
        definitions.add(Path::new("/etc/a.xml"), DOMAIN.as_bytes()).unwrap();
        let pool =
            "<pool type='dir'><name>default</name><target><path>/pool</path></target></pool>";
        definitions.add(Path::new("/etc/pool.xml"), pool.as_bytes()).unwrap();
        let mut doubts = Vec::new();
        let named = definitions.resolve(&mut doubts);
        let paths: Vec<_> = named.iter().map(|named| named.path.to_str().unwrap()).collect();
        let expected = [
            "/usr/share/OVMF/CODE.fd",
            "/var/lib/vars&a.fd",
            "/images/a\".qcow2",
            "/images/base.qcow2",
            "/dev/vg/lv",
            "/pool/v.qcow2",
        ];
        assert_eq!(paths, expected);
        assert!(named.iter().all(|named| &*named.owner == "vm build & a"));
        assert_eq!(doubts, []);
    }

    /// They were not read: what is named there was free to go.
    #[test]
    fn a_disk_of_qemus_own_command_line_has_an_owner_and_so_has_what_is_booted() {
        let text = r#"<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>a</name>
          <os><kernel>/boot/vmlinuz</kernel><initrd>/boot/initrd.img</initrd>
            <varstore path='/vars.json'/></os>
          <qemu:commandline><qemu:arg value='-drive'/>
            <qemu:arg value='file=/images/a,,b.qcow2,if=virtio,format=qcow2'/>
            <qemu:arg value='{"driver":"file","filename":"/images/c.raw"}'/>
            <qemu:arg value='/images/d.raw'/><qemu:env name='E' value='/x'/>
          </qemu:commandline></domain>"#;
        let mut definitions = Definitions::default();
        definitions.add(Path::new("/etc/a.xml"), text.as_bytes()).unwrap();
        let named = definitions.resolve(&mut Vec::new());
        let paths: Vec<_> = named.iter().map(|named| named.path.to_str().unwrap()).collect();
        let booted = ["/boot/vmlinuz", "/boot/initrd.img", "/vars.json"];
        assert_eq!(
            paths,
            [&booted[..], &["/images/a,b.qcow2", "/images/c.raw", "/images/d.raw"]].concat()
        );
    }

    #[test]
    fn a_volume_of_a_pool_on_another_host_is_no_file_of_this_one() {
        let mut definitions = Definitions::default();
        definitions.add(Path::new("/etc/a.xml"), DOMAIN.as_bytes()).unwrap();
        let pool = "<pool type='rbd'><name>default</name><source><host name='h'/></source></pool>";
        definitions.add(Path::new("/etc/pool.xml"), pool.as_bytes()).unwrap();
        let mut doubts = Vec::new();
        assert_eq!((definitions.resolve(&mut doubts).len(), doubts.len()), (5, 0));
    }

    #[test]
    fn a_volume_of_an_unknown_pool_may_be_any_disk() {
        let mut definitions = Definitions::default();
        definitions.add(Path::new("/etc/a.xml"), DOMAIN.as_bytes()).unwrap();
        let mut doubts = Vec::new();
        assert_eq!(definitions.resolve(&mut doubts).len(), 5);
        assert_eq!(doubts.len(), 1);
    }

    #[test]
    fn what_is_no_definition_is_refused_and_not_taken_for_empty() {
        let add = |text: &str| Definitions::default().add(Path::new("/a.xml"), text.as_bytes());
        assert!(add("<domain><name>a</name>").is_err());
        assert!(add("<domain><name>a</nome></domain>").is_err());
        assert!(add("<domain></domain>").is_err(), "without a name");
        assert!(add("<other><name>a</name></other>").is_err());
        assert!(add("<!DOCTYPE d [<!ENTITY e 'x'>]><domain><name>&e;</name></domain>").is_err());
        assert!(add("<domain><name>&e;</name></domain>").is_err());
        assert!(add(&"<a>".repeat(5000)).is_err());
        assert!(add("<network><name>a</name></network>").is_ok());
        assert!(add("<domstatus><domain><name>a</name></domain></domstatus>").is_ok());
    }
}
