//! Running a program so that it can neither hang the tests nor fill the memory.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Far above what any of these programs takes, so that a loaded machine does not fail the tests;
/// only something that does not end at all reaches it.
const PATIENCE: Duration = Duration::from_secs(300);

/// No answer that is asked for here is longer; a 100,000-deep chain named whole takes a tenth.
const MOST_OUTPUT: u64 = 256 << 20;

/// The command that is tested: the one that Cargo has built for the tests, or the one that `DISKDAG_BINARY` names,
/// such as that of a release.
pub(crate) fn command() -> OsString {
    std::env::var_os("DISKDAG_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_diskdag").into())
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// Runs `command` to its end with nothing on its standard input.
///
/// Fails the test when the program does not end, or prints without end.
pub(crate) fn finish(command: &mut Command) -> Finished {
    let said = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {said}: {error}"));
    let (sender, receiver) = mpsc::channel();
    let stdout = child.stdout.take().unwrap();
    let stderr = child.stderr.take().unwrap();
    read_on(0, stdout, sender.clone());
    read_on(1, stderr, sender);
    let mut streams = [Vec::new(), Vec::new()];
    for _ in 0..streams.len() {
        match receiver.recv_timeout(PATIENCE) {
            Ok((stream, bytes)) => streams[stream] = bytes,
            Err(_) => {
                let _already_gone = child.kill();
                panic!("{said} has not ended after {PATIENCE:?}");
            }
        }
    }
    // Both streams are closed; what remains is the exit itself.
    let status = child.wait().unwrap();
    let [stdout, stderr] = streams;
    for stream in [&stdout, &stderr] {
        assert!((stream.len() as u64) < MOST_OUTPUT, "{said} prints without end");
    }
    Finished { code: status.code(), signal: status.signal(), stdout, stderr }
}

fn read_on(
    stream: usize,
    from: impl Read + Send + 'static,
    sender: mpsc::Sender<(usize, Vec<u8>)>,
) {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Closing the pipe early stops a program that would print for ever.
        let read = from.take(MOST_OUTPUT).read_to_end(&mut bytes);
        if read.is_ok() {
            // The receiver is gone only when the test has already failed.
            let _gone = sender.send((stream, bytes));
        }
    });
}
