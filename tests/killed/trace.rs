//! A program that is stopped at its system calls, and killed before one of them.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::support;

/// How a traced program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with this exit code; it had made so many calls that change something.
    Ran { code: i32, calls: usize },
    /// It was killed on the way into this call.
    Killed { call: &'static str },
}

/// System calls that change what others can see.
const CHANGING: &[(libc::c_long, &str)] = &[
    (libc::SYS_write, "write"),
    (libc::SYS_writev, "writev"),
    (libc::SYS_pwrite64, "pwrite64"),
    (libc::SYS_pwritev, "pwritev"),
    (libc::SYS_pwritev2, "pwritev2"),
    (libc::SYS_copy_file_range, "copy_file_range"),
    (libc::SYS_ftruncate, "ftruncate"),
    (libc::SYS_fallocate, "fallocate"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_sync_file_range, "sync_file_range"),
    (libc::SYS_syncfs, "syncfs"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_openat2, "openat2"),
    (libc::SYS_renameat2, "renameat2"),
    (libc::SYS_renameat, "renameat"),
    (libc::SYS_linkat, "linkat"),
    (libc::SYS_unlinkat, "unlinkat"),
    (libc::SYS_mkdirat, "mkdirat"),
    (libc::SYS_symlinkat, "symlinkat"),
    (libc::SYS_fchmod, "fchmod"),
    (libc::SYS_fchmodat, "fchmodat"),
    (libc::SYS_fchown, "fchown"),
    (libc::SYS_fchownat, "fchownat"),
    (libc::SYS_setxattr, "setxattr"),
    (libc::SYS_fsetxattr, "fsetxattr"),
    (libc::SYS_fremovexattr, "fremovexattr"),
    (libc::SYS_utimensat, "utimensat"),
    // All is done, and nobody has been told.
    (libc::SYS_exit_group, "exit_group"),
];

/// The same under the names that only some processors still have.
#[cfg(target_arch = "x86_64")]
const CHANGING_TOO: &[(libc::c_long, &str)] = &[
    (libc::SYS_open, "open"),
    (libc::SYS_creat, "creat"),
    (libc::SYS_rename, "rename"),
    (libc::SYS_link, "link"),
    (libc::SYS_unlink, "unlink"),
    (libc::SYS_mkdir, "mkdir"),
    (libc::SYS_rmdir, "rmdir"),
    (libc::SYS_chmod, "chmod"),
    (libc::SYS_chown, "chown"),
];
#[cfg(not(target_arch = "x86_64"))]
const CHANGING_TOO: &[(libc::c_long, &str)] = &[];

/// Runs the command in `folder`, and kills it on the way into the call of this number, counted from 1 among
/// those that change something; whichever thread makes it. Nothing where tracing is not allowed.
#[expect(clippy::zombie_processes, reason = "whoever traces it waits for it, by its number")]
pub(crate) fn run<A: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = A>,
    kill_at: usize,
) -> Option<End> {
    let mut command = Command::new("sh");
    // It waits to be traced, and is then the program itself.
    command.args(["-c", "kill -STOP $$; exec \"$0\" \"$@\""]).arg(support::command());
    command.args(arguments).current_dir(folder).env("DISKDAG_CONFIG", folder.join("../settings"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let child = command.spawn().unwrap();
    let main = Pid::from_raw(child.id().cast_signed());
    let stopped = waitpid(main, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert!(matches!(stopped, WaitStatus::Stopped(_, Signal::SIGSTOP)), "{stopped:?}");
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    if let Err(error) = ptrace::seize(main, options) {
        kill(main, Signal::SIGKILL).unwrap();
        waitpid(main, None).unwrap();
        let required = std::env::var_os("DISKDAG_REQUIRE_TRACE").is_some_and(|value| value == "1");
        assert!(!required, "DISKDAG_REQUIRE_TRACE=1, but no process can be traced: {error}");
        println!("skipped: no process can be traced here: {error}");
        return None;
    }
    kill(main, Signal::SIGCONT).unwrap();
    Some(follow(main, kill_at))
}

fn follow(main: Pid, kill_at: usize) -> End {
    let (mut has_begun, mut calls, mut killed) = (false, 0, None);
    // Only children of this thread: other tests run in others.
    let of_this_thread = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    loop {
        let status = waitpid(Pid::from_raw(-1), Some(of_this_thread)).unwrap();
        let (task, signal) = match status {
            WaitStatus::Exited(task, code) if task == main => return End::Ran { code, calls },
            WaitStatus::Signaled(task, signal, _) if task == main => {
                assert_eq!(signal, Signal::SIGKILL, "the command died by itself");
                return End::Killed { call: killed.expect("nobody else kills it") };
            }
            WaitStatus::PtraceEvent(task, _, event) => {
                has_begun |= event == libc::PTRACE_EVENT_EXEC;
                (task, None)
            }
            WaitStatus::PtraceSyscall(task) => {
                let call = has_begun.then(|| entered(task)).flatten().and_then(changing);
                if let Some(call) = call.filter(|_| killed.is_none()) {
                    calls += 1;
                    if calls == kill_at {
                        killed = Some(call);
                        kill(main, Signal::SIGKILL).unwrap();
                    }
                }
                (task, None)
            }
            WaitStatus::Stopped(task, Signal::SIGSTOP | Signal::SIGCONT | Signal::SIGTRAP) => {
                (task, None)
            }
            WaitStatus::Stopped(task, signal) => (task, Some(signal)),
            _ => continue,
        };
        // It may have died in between; its end is reported then.
        let _gone = ptrace::syscall(task, signal);
    }
}

/// The name of a call, if it changes something.
fn changing((number, flags): (libc::c_long, u64)) -> Option<&'static str> {
    let (_, name) =
        CHANGING.iter().chain(CHANGING_TOO).find(|(changing, _)| *changing == number)?;
    let creates = libc::O_CREAT.cast_unsigned() | libc::O_TRUNC.cast_unsigned();
    let only_opens = ["open", "openat"].contains(name) && flags & u64::from(creates) == 0;
    (!only_opens).then_some(name)
}

/// The call that a task is about to make, and the flags that it would have if it opens a file; nothing on the
/// way out of one.
#[cfg(target_arch = "x86_64")]
fn entered(task: Pid) -> Option<(libc::c_long, u64)> {
    let registers = ptrace::getregs(task).ok()?;
    // What the kernel writes there before a call is made.
    let is_entry = registers.rax.cast_signed() == -i64::from(libc::ENOSYS);
    let number = registers.orig_rax.cast_signed();
    let flags = if number == libc::SYS_open { registers.rsi } else { registers.rdx };
    is_entry.then_some((number, flags))
}

#[cfg(target_arch = "aarch64")]
fn entered(task: Pid) -> Option<(libc::c_long, u64)> {
    let registers = ptrace::getregs(task).ok()?;
    // 0 on the way in, 1 on the way out.
    (registers.regs[7] == 0).then_some((registers.regs[8].cast_signed(), registers.regs[2]))
}
