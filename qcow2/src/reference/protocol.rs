//! QEMU's block drivers, by what they tell us about files of this host.
#![forbid(unsafe_code)]

/// What the protocol before a colon (`protocol_name` of a block driver) names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// What follows the colon is a path.
    File,
    /// No file of this host.
    Remote,
    /// Maybe a file of this host, maybe several.
    Opaque,
}

/// `None` for a protocol that QEMU doesn't know. Compared byte for byte: QEMU's protocols are lower case.
pub(super) fn protocol(scheme: &[u8]) -> Option<Protocol> {
    Some(match scheme {
        b"file" | b"host_device" | b"host_cdrom" | b"zoned_host_device" => Protocol::File,
        b"nbd" | b"nbd+tcp" | b"nbd+unix" | b"http" | b"https" | b"ftp" | b"ftps" | b"ssh"
        | b"rbd" | b"iscsi" | b"iser" | b"gluster" | b"gluster+tcp" | b"gluster+unix"
        | b"gluster+rdma" | b"nfs" | b"nvme" | b"null-co" | b"null-aio" => Protocol::Remote,
        // Known to older versions.
        b"sheepdog" | b"sheepdog+tcp" | b"sheepdog+unix" | b"tftp" | b"vxhs" | b"archipelago" => {
            Protocol::Remote
        }
        b"blkdebug"
        | b"blkverify"
        | b"fat"
        | b"io_uring"
        | b"nvme-io_uring"
        | b"virtio-blk-vfio-pci"
        | b"virtio-blk-vhost-user"
        | b"virtio-blk-vhost-vdpa" => Protocol::Opaque,
        _ => return None,
    })
}

/// What a driver named in `json:` does with its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Driver {
    /// Opens the path in `filename`, taken literally.
    File,
    /// Opens no file of this host.
    Remote,
    /// Shows what its child `file` shows.
    Filter,
    /// Shows what its child `file` shows, or a window of it.
    Raw,
    /// Decodes its child `file`.
    Format,
    /// Opens something else, or several things.
    Opaque,
}

/// Unknown drivers are opaque: QEMU refuses them, a later version may not.
pub(super) fn driver(name: &[u8]) -> Driver {
    match name {
        b"raw" => Driver::Raw,
        b"qcow2" | b"qcow" | b"qed" | b"vmdk" | b"vdi" | b"vhdx" | b"vpc" | b"parallels"
        | b"dmg" | b"cloop" | b"bochs" | b"luks" => Driver::Format,
        b"throttle" | b"copy-on-read" | b"compress" | b"preallocate" | b"snapshot-access" => {
            Driver::Filter
        }
        b"io_uring" => Driver::File,
        _ => match protocol(name) {
            Some(Protocol::File) => Driver::File,
            Some(Protocol::Remote) => Driver::Remote,
            Some(Protocol::Opaque) | None => Driver::Opaque,
        },
    }
}
