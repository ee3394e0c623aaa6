//! The servers under test: how each is compiled, started, watched and ended.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use crate::work::Work;

/// Where a library is.
pub(crate) struct Library {
    /// The folder of `libcoap-3-notls.so`.
    pub(crate) plain: PathBuf,
    /// The folder of `libcoap-3-openssl.so`, if that is to be measured.
    pub(crate) secured: Option<PathBuf>,
    /// The folder that holds `coap3/coap.h`.
    pub(crate) include: PathBuf,
}

impl Library {
    fn has_proxies(&self) -> io::Result<bool> {
        let said = fs::read_to_string(self.include.join("coap3/coap_defines.h"))?;
        Ok(said.contains("#define COAP_PROXY_SUPPORT 1"))
    }
}

/// A library under test, by the programs that were compiled against it.
pub(crate) struct Subject {
    /// Its name in the report.
    pub(crate) name: String,
    /// Whether more than small requests is measured on it.
    pub(crate) is_whole: bool,
    /// `server.c` without security.
    pub(crate) plain: Program,
    /// `server.c` with the library's variant for (D)TLS.
    pub(crate) secured: Option<Program>,
    /// `proxy.c`.
    pub(crate) proxy: Option<Program>,
}

/// A server that can be started any number of times.
pub(crate) struct Program {
    command: Vec<OsString>,
    library_path: Option<PathBuf>,
}

/// What is compiled.
#[derive(Clone, Copy)]
struct Source {
    /// The file without its extension.
    name: &'static str,
    variant: &'static str,
}

const PLAIN: Source = Source { name: "server", variant: "notls" };
const SECURED: Source = Source { name: "server", variant: "openssl" };
const PROXY: Source = Source { name: "proxy", variant: "notls" };

impl Subject {
    /// This program itself, as a responder without a library.
    pub(crate) fn bare() -> io::Result<Self> {
        let command = vec![env::current_exe()?.into(), "bare".into()];
        let plain = Program { command, library_path: None };
        Ok(Self { name: "bare".into(), is_whole: false, plain, secured: None, proxy: None })
    }

    /// The library built here.
    pub(crate) fn ours(library: &Library, work: &Path) -> io::Result<Self> {
        let program = |source, lib: &Path| -> io::Result<Program> {
            let program = compile("ours", source, lib, &library.include, work)?;
            Ok(Program { command: vec![program.into()], library_path: Some(fs::canonicalize(lib)?) })
        };
        Ok(Self {
            name: "ours".into(),
            is_whole: true,
            plain: program(PLAIN, &library.plain)?,
            secured: library.secured.as_deref().map(|lib| program(SECURED, lib)).transpose()?,
            proxy: library.has_proxies()?.then(|| program(PROXY, &library.plain)).transpose()?,
        })
    }

    /// The reference in `root`/`version`, if it is there.
    ///
    /// One that was built for a newer system brings its own loader and C library in `runtime`. The library for (D)TLS
    /// is the system's all the same, as it is for ours: what it takes must not be part of a ratio.
    pub(crate) fn reference(version: &str, root: &Path, work: &Path) -> io::Result<Option<Self>> {
        let root = root.join(version);
        let triplet = format!("{}-linux-gnu", env::consts::ARCH);
        let lib = root.join("usr/lib").join(&triplet);
        if !lib.join("libcoap-3-notls.so.3").exists() {
            return Ok(None);
        }
        let runtime = root.join("runtime/usr/lib").join(&triplet);
        let loader = fs::read_dir(&runtime).ok().and_then(loader);
        let security = system_security(work)?;
        let program = |source| -> io::Result<Program> {
            let program = compile(version, source, &lib, &root.join("usr/include"), work)?;
            let Some(loader) = &loader else {
                return Ok(Program { command: vec![program.into()], library_path: Some(lib.clone()) });
            };
            let path = env::join_paths([&lib, &security, &runtime]).map_err(io::Error::other)?;
            let command = vec![loader.into(), "--library-path".into(), path, program.into()];
            Ok(Program { command, library_path: None })
        };
        // An older one is there for its rate; all else is asked of the one we are measured against.
        let is_whole = version == "4.3.5";
        let if_whole = |source| is_whole.then(|| program(source)).transpose();
        Ok(Some(Self {
            name: version.into(),
            is_whole,
            plain: program(PLAIN)?,
            secured: if_whole(SECURED)?,
            proxy: if_whole(PROXY)?,
        }))
    }

    /// Whether `work` can be measured on it.
    pub(crate) fn can(&self, work: Work) -> bool {
        self.program(work).is_some()
    }

    /// The program that does `work`.
    pub(crate) fn program(&self, work: Work) -> Option<&Program> {
        match work {
            Work::Bodies(..) | Work::Stream(_) => Some(&self.plain),
            Work::Handshakes(..)
            | Work::SecuredGets { .. }
            | Work::SecuredBodies(_)
            | Work::SecuredStream(_) => self.secured.as_ref(),
            Work::Proxied(_) => self.proxy.as_ref(),
        }
    }

    /// Starts the plain server; `role` says what it serves besides small GETs.
    pub(crate) fn start(&self, core: Option<usize>, role: Option<&str>) -> io::Result<Server> {
        self.plain.start(core, role)
    }
}

impl Program {
    /// Starts it on a free port, on `core` if given, and waits until it says that it is ready.
    pub(crate) fn start<T: AsRef<OsStr>>(
        &self,
        core: Option<usize>,
        words: impl IntoIterator<Item = T>,
    ) -> io::Result<Server> {
        let port = free_port()?;
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).arg(port.to_string()).args(words);
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
            None => Err(io::Error::other(format!("{command:?} did not start"))),
        }
    }
}

/// A folder with nothing but links to this machine's OpenSSL: the folder where that is has its C library too.
fn system_security(work: &Path) -> io::Result<PathBuf> {
    let folder = work.join("security");
    fs::create_dir_all(&folder)?;
    for name in ["libssl.so.3", "libcrypto.so.3"] {
        let said = Command::new(compiler()).arg(format!("-print-file-name={name}")).output()?;
        let place = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim());
        // The compiler says the name alone if it does not find it.
        if !place.is_absolute() {
            return Err(io::Error::other(format!("{name} is not found")));
        }
        match symlink(place, folder.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
    }
    Ok(folder)
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

fn compiler() -> OsString {
    env::var_os("CC").unwrap_or_else(|| "cc".into())
}

fn compile(name: &str, source: Source, lib: &Path, include: &Path, work: &Path) -> io::Result<PathBuf> {
    let program = work.join(format!("{}-{}-{name}", source.name, source.variant));
    let file = format!("{}.c", source.name);
    let done = Command::new(compiler())
        .args(["-O2", "-Wall", "-I"])
        .arg(include)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file))
        .arg("-L")
        .arg(lib)
        .arg(format!("-lcoap-3-{}", source.variant))
        .args(["-Wl,--unresolved-symbols=ignore-in-shared-libs", "-o"])
        .arg(&program)
        .status()?;
    if !done.success() {
        return Err(io::Error::other(format!("{file} does not compile against {}", lib.display())));
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
