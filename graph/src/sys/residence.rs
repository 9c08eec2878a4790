//! Where the files of a file system live: here, on another host, or nowhere.

use std::io;

/// Where the files of a file system live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Residence {
    Local,
    /// Another host, or a process, answers for it and may never do so.
    Remote(&'static str),
    /// The kernel makes its files up: no image lies there.
    Pseudo(&'static str),
}

/// Where the file system of an opened file lives.
#[cfg(target_os = "linux")]
pub(crate) fn residence(fd: &impl std::os::fd::AsFd) -> io::Result<Residence> {
    let kind = rustix::fs::fstatfs(fd)?.f_type;
    // The magic numbers fit 32 bits; the field's type differs between architectures.
    let magic = u32::try_from(kind & 0xffff_ffff).unwrap_or(0);
    let known = FILE_SYSTEMS.iter().find(|(number, _)| *number == magic);
    Ok(known.map_or(Residence::Local, |(_, residence)| *residence))
}

/// Where the file system of an opened file lives: the system says which ones are its own.
#[cfg(target_vendor = "apple")]
pub(crate) fn residence(fd: &impl std::os::fd::AsFd) -> io::Result<Residence> {
    /// `MNT_LOCAL` of `sys/mount.h`.
    const LOCAL: u32 = 0x1000;
    let system = rustix::fs::fstatfs(fd)?;
    let name: Vec<u8> = system.f_fstypename.iter().map(|byte| byte.to_ne_bytes()[0]).collect();
    Ok(match () {
        () if name.starts_with(b"devfs") => Residence::Pseudo("devfs"),
        () if name.starts_with(b"autofs") => Residence::Remote("autofs"),
        () if system.f_flags & LOCAL == 0 => Residence::Remote("not a local one"),
        () => Residence::Local,
    })
}

/// File systems that a scan does not enter unless they are named, by `statfs(2)`'s magic numbers.
#[cfg(target_os = "linux")]
const FILE_SYSTEMS: &[(u32, Residence)] = &[
    (0x6969, Residence::Remote("nfs")),
    (0xff53_4d42, Residence::Remote("cifs")),
    (0xfe53_4d42, Residence::Remote("smb2")),
    (0x517b, Residence::Remote("smb")),
    (0x6573_5546, Residence::Remote("fuse")),
    (0x0102_1997, Residence::Remote("9p")),
    (0x00c3_6400, Residence::Remote("ceph")),
    (0x5346_414f, Residence::Remote("afs")),
    (0x6b41_4653, Residence::Remote("afs")),
    (0x7375_7245, Residence::Remote("coda")),
    (0x0bd0_0bd0, Residence::Remote("lustre")),
    (0x564c, Residence::Remote("ncp")),
    (0x0187, Residence::Remote("autofs")),
    (0x786f_4256, Residence::Remote("vboxsf")),
    (0x9fa0, Residence::Pseudo("proc")),
    (0x6265_6572, Residence::Pseudo("sysfs")),
    (0x1cd1, Residence::Pseudo("devpts")),
    (0x0027_e0eb, Residence::Pseudo("cgroup")),
    (0x6367_7270, Residence::Pseudo("cgroup2")),
    (0x6462_6720, Residence::Pseudo("debugfs")),
    (0x7472_6163, Residence::Pseudo("tracefs")),
    (0x7363_6673, Residence::Pseudo("securityfs")),
    (0xcafe_4a11, Residence::Pseudo("bpf")),
    (0x6165_676c, Residence::Pseudo("pstore")),
    (0x6265_6570, Residence::Pseudo("configfs")),
    (0xde5e_81e4, Residence::Pseudo("efivarfs")),
    (0x6573_5543, Residence::Pseudo("fusectl")),
    (0x1980_0202, Residence::Pseudo("mqueue")),
    (0x4249_4e4d, Residence::Pseudo("binfmt_misc")),
    (0x6e73_6673, Residence::Pseudo("nsfs")),
    (0x6759_6969, Residence::Pseudo("rpc_pipefs")),
    (0xf97c_ff8c, Residence::Pseudo("selinuxfs")),
];
