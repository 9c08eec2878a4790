//! A folder of images, and the command that is asked about it.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::user::{self, Program};
use super::{Answer, Image, finish};

/// A folder `images` of a test's own, with settings and a home beside it.
///
/// Everything is removed at the end, whatever permissions the test took away.
pub(crate) struct Fleet {
    _folder: TempDir,
    top: PathBuf,
}

impl Fleet {
    /// An empty folder.
    pub(crate) fn new() -> Fleet {
        // A short prefix: a socket's path may not be longer than about a hundred bytes.
        let folder = tempfile::Builder::new().prefix("dd").tempdir().unwrap();
        // What the system calls it may go through a link (macOS); the answers must not.
        let top = folder.path().canonicalize().unwrap();
        user::open_to_all(&top);
        for name in ["images", "home", "settings", "tmp"] {
            let path = top.join(name);
            std::fs::create_dir(&path).unwrap();
            user::open_to_all(&path);
            if name != "images" {
                user::give_away(&path);
            }
        }
        Fleet { _folder: folder, top }
    }

    /// The folder in which the images lie.
    pub(crate) fn root(&self) -> PathBuf {
        self.top.join("images")
    }

    /// The folder around the images: outside of every scope.
    pub(crate) fn outside(&self) -> &Path {
        &self.top
    }

    /// The folder of the settings.
    pub(crate) fn settings(&self) -> PathBuf {
        self.top.join("settings")
    }

    /// Where the command may put temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.top.join("tmp")
    }

    /// The path of an image in this fleet.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root().join(name)
    }

    /// Makes a folder below the root.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// Writes an image, making the folders above it.
    pub(crate) fn write(&self, name: impl AsRef<Path>, image: &Image) -> PathBuf {
        self.bytes(name, &image.bytes())
    }

    /// Writes a qcow2 image without backing file.
    pub(crate) fn base(&self, name: &str) -> PathBuf {
        self.write(name, &Image::new())
    }

    /// Writes an overlay whose header names `backing` in exactly these bytes.
    pub(crate) fn overlay(&self, name: &str, backing: impl AsRef<OsStr>) -> PathBuf {
        self.write(name, &Image::over(backing))
    }

    /// Writes any bytes, making the folders above the file.
    pub(crate) fn bytes(&self, name: impl AsRef<Path>, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// `base.qcow2 <- middle.qcow2 <- leaf.qcow2`, by relative names.
    pub(crate) fn three() -> Fleet {
        let fleet = Fleet::new();
        fleet.base("base.qcow2");
        fleet.overlay("middle.qcow2", "base.qcow2");
        fleet.overlay("leaf.qcow2", "middle.qcow2");
        fleet
    }

    /// The command with a verb; nothing is run before [`Ask::go`].
    pub(crate) fn diskdag(&self, verb: &str) -> Ask<'_> {
        Ask {
            fleet: self,
            arguments: vec![verb.into()],
            variables: Vec::new(),
            folder: self.top.clone(),
            unprivileged: false,
            any_bytes: false,
            limited: false,
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // A test may have closed a folder; the temporary directory could then not be removed by
        // a user who is not root.
        let mut folders = vec![self.top.clone()];
        while let Some(folder) = folders.pop() {
            let opened = std::fs::Permissions::from_mode(0o755);
            let _not_ours = std::fs::set_permissions(&folder, opened);
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                }
            }
        }
    }
}

/// A question to the command, in an environment that has nothing of the tester's.
#[must_use = "nothing is run before go()"]
pub(crate) struct Ask<'f> {
    fleet: &'f Fleet,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    folder: PathBuf,
    unprivileged: bool,
    any_bytes: bool,
    limited: bool,
}

impl Ask<'_> {
    /// One more argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().into());
        self
    }

    /// Some more arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().into()));
        self
    }

    /// `--root` and the folder of the images: the scope is declared.
    pub(crate) fn rooted(self) -> Self {
        let root = self.fleet.root();
        self.arg("--root").arg(root)
    }

    /// An image of the fleet, by its name.
    pub(crate) fn image(self, name: impl AsRef<Path>) -> Self {
        let path = self.fleet.path(name);
        self.arg(path)
    }

    /// `--json`.
    pub(crate) fn json(self) -> Self {
        self.arg("--json")
    }

    /// A variable of the command's environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().into()));
        self
    }

    /// Runs in this folder instead of the one around the images.
    pub(crate) fn within(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Runs as somebody whom file permissions bind.
    pub(crate) fn unprivileged(mut self) -> Self {
        self.unprivileged = true;
        self
    }

    /// The answer may hold any byte: names are asked for as they are.
    pub(crate) fn any_bytes(mut self) -> Self {
        self.any_bytes = true;
        self
    }

    /// Runs with a second of CPU time and, beside what any process needs, 64 MiB of memory. Who takes more
    /// is ended by a signal, or cannot go on. A command that is built for tests has five seconds: how much work it
    /// does is counted elsewhere.
    pub(crate) fn limited(mut self) -> Self {
        self.limited = true;
        self
    }

    /// Runs the command.
    #[must_use = "an answer is there to be looked at"]
    pub(crate) fn go(self) -> Answer {
        let program = if self.unprivileged { Program::for_everybody() } else { Program::built() };
        let mut command = Command::new(if self.limited { "sh".as_ref() } else { &*program.path });
        if self.limited {
            // In KiB: the data segment is what memory is taken from; stacks of threads and the
            // allocator's reserves come out of the address space, which is therefore generous.
            let seconds = if std::env::var_os("DISKDAG_BINARY").is_some() { 1 } else { 5 };
            let limits = format!("ulimit -t {seconds} && ulimit -d 98304 && ulimit -v 1048576");
            command.args(["-c", &format!("{limits} && exec \"$0\" \"$@\"")]).arg(&program.path);
        }
        command
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", self.fleet.top.join("home"))
            .env("XDG_CONFIG_HOME", self.fleet.top.join("home"))
            .env("DISKDAG_CONFIG", self.fleet.settings())
            .env("TMPDIR", self.fleet.temporary())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        if self.unprivileged {
            user::unprivileged(&mut command);
        }
        let said = format!("diskdag {:?}", self.arguments);
        let answer = Answer::new(said, finish(&mut command));
        if self.any_bytes { answer } else { answer.harmless() }
    }
}
