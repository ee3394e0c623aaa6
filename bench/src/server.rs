//! The servers under test: how each is compiled, started, watched and ended.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

/// A server that can be started any number of times.
pub(crate) struct Subject {
    /// Its name in the report.
    pub(crate) name: String,
    /// Whether new sessions and memory are measured on it.
    pub(crate) has_sessions: bool,
    command: Vec<OsString>,
    library_path: Option<PathBuf>,
}

impl Subject {
    /// This program itself, as a responder without a library.
    pub(crate) fn bare() -> io::Result<Self> {
        let command = vec![env::current_exe()?.into(), "bare".into()];
        Ok(Self { name: "bare".into(), has_sessions: false, command, library_path: None })
    }

    /// `server.c` compiled against the library in `lib` with the headers in `include`.
    pub(crate) fn ours(lib: &Path, include: &Path, work: &Path) -> io::Result<Self> {
        let program = compile("ours", lib, include, work)?;
        Ok(Self {
            name: "ours".into(),
            has_sessions: true,
            command: vec![program.into()],
            library_path: Some(fs::canonicalize(lib)?),
        })
    }

    /// `server.c` compiled against the reference in `root`/`version`, if it is there.
    ///
    /// A reference that was built for a newer system brings its own loader and C library in `runtime`.
    pub(crate) fn reference(version: &str, root: &Path, work: &Path) -> io::Result<Option<Self>> {
        let root = root.join(version);
        let triplet = format!("{}-linux-gnu", env::consts::ARCH);
        let lib = root.join("usr/lib").join(&triplet);
        if !lib.join("libcoap-3-notls.so.3").exists() {
            return Ok(None);
        }
        let program = compile(version, &lib, &root.join("usr/include"), work)?;
        let runtime = root.join("runtime/usr/lib").join(&triplet);
        let mut command: Vec<OsString> = Vec::new();
        let mut library_path = None;
        match fs::read_dir(&runtime).ok().and_then(loader) {
            Some(loader) => {
                let path = env::join_paths([&lib, &runtime]).map_err(io::Error::other)?;
                command.extend([loader.into(), "--library-path".into(), path, program.into()]);
            }
            None => {
                command.push(program.into());
                library_path = Some(lib);
            }
        }
        // An older one is there for its rate; what sessions cost is asked of the one we are measured against.
        let has_sessions = version == "4.3.5";
        Ok(Some(Self { name: version.into(), has_sessions, command, library_path }))
    }

    /// Starts it on a free port, on `core` if given, and waits until it says that it is ready. `role` says what it
    /// serves besides small GETs.
    pub(crate) fn start(&self, core: Option<usize>, role: Option<&str>) -> io::Result<Server> {
        let port = free_port()?;
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).arg(port.to_string()).args(role);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        if let Some(path) = &self.library_path {
            command.env("LD_LIBRARY_PATH", path);
        }
        // SAFETY: between fork and exec only two system calls are made, on values of their own.
        unsafe {
            command.pre_exec(move || {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                if let Some(core) = core {
                    pin(core);
                }
                Ok(())
            });
        }
        let mut child = command.spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let server = Server { child, port };
        match line.strip_prefix("ready") {
            Some(_) => Ok(server),
            None => Err(io::Error::other(format!("the server `{}` did not start", self.name))),
        }
    }
}

/// A port that is free for UDP and for TCP.
fn free_port() -> io::Result<u16> {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0")?;
        let address = udp.local_addr()?;
        if TcpListener::bind(address).is_ok() {
            return Ok(address.port());
        }
    }
}

fn loader(entries: fs::ReadDir) -> Option<PathBuf> {
    let is_loader = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("ld-linux"))
    };
    entries.flatten().map(|entry| entry.path()).find(is_loader)
}

fn compile(name: &str, lib: &Path, include: &Path, work: &Path) -> io::Result<PathBuf> {
    let program = work.join(format!("server-{name}"));
    let cc = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let done = Command::new(cc)
        .args(["-O2", "-Wall", "-I"])
        .arg(include)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("server.c"))
        .arg("-L")
        .arg(lib)
        .args(["-lcoap-3-notls", "-Wl,--unresolved-symbols=ignore-in-shared-libs", "-o"])
        .arg(&program)
        .status()?;
    if !done.success() {
        return Err(io::Error::other(format!("server.c does not compile against {}", lib.display())));
    }
    Ok(program)
}

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// CPU seconds that all its threads have used.
    pub(crate) fn cpu_seconds(&self) -> io::Result<f64> {
        let mut nanoseconds = 0.0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0);
        }
        Ok(nanoseconds / 1e9)
    }

    /// CPU seconds spent outside of the system, counted in the system's ticks.
    pub(crate) fn user_seconds(&self) -> io::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name, in brackets, may hold spaces; behind it, the user time is the twelfth field.
        let ticks =
            text.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(11)?.parse::<f64>().ok());
        // SAFETY: asks for a constant of the system.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
        ticks
            .map(|ticks| ticks / per_second)
            .ok_or_else(|| io::Error::other("the system does not tell a process's time (stat)"))
    }

    /// Bytes of resident memory that are not backed by a file.
    pub(crate) fn memory(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok())
            .map(|kib| kib * 1024.0)
            .ok_or_else(|| io::Error::other("the system does not tell a process's memory (RssAnon)"))
    }

    /// Whether it still runs.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two of the cores that this process may use: one for the server, one for the clients.
pub(crate) fn two_cores() -> Option<(usize, usize)> {
    // SAFETY: a cpu_set_t is plain bits, and the call is given its size.
    let allowed = unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut allowed) != 0 {
            return None;
        }
        allowed
    };
    // SAFETY: the numbers stay below the size of the set.
    let mut of = (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &allowed) });
    Some((of.next()?, of.next_back()?))
}

/// Keeps the calling thread on `core`.
pub(crate) fn pin(core: usize) {
    // SAFETY: a cpu_set_t is plain bits, the core is one that the system named, and the call is given its size.
    // That it may fail is of no matter: it only makes the figures steadier.
    unsafe {
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut one);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &one);
    }
}
