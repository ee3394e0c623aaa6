//! The two libraries that a program can be compiled against and run on: ours and the reference.

use crate::options::Options;
use crate::variant::Variant;
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The release of the reference that we are compared with.
const REFERENCE_VERSION: &str = "4.3.5";

/// How to compile a program against a library, and how to run it there.
pub(crate) struct Library {
    /// A word for file names and messages.
    pub(crate) name: &'static str,
    headers: PathBuf,
    objects: PathBuf,
    variant: Variant,
    loader: Loader,
}

enum Loader {
    /// The system's, told where our object is.
    System,
    /// The reference's own: it is built for another release of the C library than this machine's. The library for (D)TLS is
    /// this machine's all the same, as it is for ours: releases of it differ.
    Own { program: PathBuf, runtime: PathBuf, security: PathBuf },
}

impl Library {
    /// Our headers and our built object.
    pub(crate) fn ours(options: &Options, variant: Variant) -> Result<Library, String> {
        let objects =
            options.lib.clone().unwrap_or_else(|| Path::new("build").join(variant.name()).join("lib"));
        let object = objects.join(format!("libcoap-3-{}.so", variant.name()));
        if !object.exists() {
            return Err(format!("{} is not there: build the library first, or name --lib", object.display()));
        }
        Ok(Library {
            name: "ours",
            headers: options.include.clone(),
            objects,
            variant,
            loader: Loader::System,
        })
    }

    /// The reference, where this machine has it.
    pub(crate) fn reference(options: &Options, variant: Variant) -> Result<Option<Library>, String> {
        let Some((root, objects)) = Library::reference_objects() else { return Ok(None) };
        let Some((program, runtime)) = Library::reference_runtime(&root, &objects) else { return Ok(None) };
        Ok(Some(Library {
            name: "reference",
            headers: root.join("usr/include"),
            objects,
            variant,
            loader: Loader::Own { program, runtime, security: security_libraries(options, variant)? },
        }))
    }

    /// Where its packages are unpacked, and the folder of its shared objects.
    fn reference_objects() -> Option<(PathBuf, PathBuf)> {
        let cache = match env::var_os("COAP_REFERENCE") {
            Some(path) => PathBuf::from(path),
            None => PathBuf::from(env::var_os("HOME")?).join(".cache/coap-reference"),
        };
        let root = cache.join(REFERENCE_VERSION);
        let objects = only_directory(&root.join("usr/lib"))?;
        Some((root, objects))
    }

    /// What starts programs on it, and the folder of the C library it is built for.
    fn reference_runtime(root: &Path, objects: &Path) -> Option<(PathBuf, PathBuf)> {
        let runtime = root.join("runtime/usr/lib").join(objects.file_name()?);
        let program = fs::read_dir(&runtime).ok()?.flatten().map(|entry| entry.path()).find(|path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("ld-linux"))
        })?;
        Some((program, runtime))
    }

    /// The command that compiles `source` into `binary`.
    pub(crate) fn compile(&self, source: &Path, binary: &Path) -> Command {
        let mut cc = Command::new("cc");
        cc.args(["-Wall", "-Wextra", "-Werror", "-std=gnu11", "-g", "-O1", "-pthread"]);
        // Deprecated functions are part of the interface.
        cc.arg("-Wno-deprecated-declarations");
        cc.arg("-I").arg(&self.headers).arg("-o").arg(binary).arg(source);
        cc.arg("-L").arg(&self.objects).arg(format!("-lcoap-3-{}", self.variant.name()));
        if matches!(self.loader, Loader::Own { .. }) {
            cc.arg("-Wl,--unresolved-symbols=ignore-in-shared-libs");
        }
        cc
    }

    /// The command that runs `binary` on this library.
    pub(crate) fn run(&self, binary: &Path) -> Command {
        let mut command = self.command(binary);
        command.env("TEST_ON", self.name);
        command
    }

    fn command(&self, binary: &Path) -> Command {
        match &self.loader {
            Loader::System => {
                let mut command = Command::new(binary);
                command.env("LD_LIBRARY_PATH", &self.objects);
                command
            }
            Loader::Own { program, runtime, security } => {
                let mut path = self.objects.clone().into_os_string();
                for directory in [security, runtime] {
                    path.push(":");
                    path.push(directory);
                }
                let mut command = Command::new(program);
                command.arg("--library-path").arg(path).arg(binary);
                command
            }
        }
    }

    /// The command that runs `binary` on this library under memcheck, which then exits with 99 on
    /// any error or leak.
    pub(crate) fn run_checked(&self, binary: &Path) -> Command {
        let mut command = Command::new("valgrind");
        command.args(["-q", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible"]);
        command.args(["--errors-for-leak-kinds=definite,indirect,possible", "--error-exitcode=99"]);
        command.arg(binary).env("LD_LIBRARY_PATH", &self.objects).env("TEST_ON", self.name);
        command
    }
}

/// A folder with nothing but links to what this machine has for (D)TLS: the folder where that is has this machine's
/// C library too.
fn security_libraries(options: &Options, variant: Variant) -> Result<PathBuf, String> {
    let directory = options.work.join("security");
    let failed = |e: std::io::Error| format!("{}: {e}", directory.display());
    fs::create_dir_all(&directory).map_err(failed)?;
    for name in variant.security_libraries() {
        let said = Command::new("cc")
            .arg(format!("-print-file-name={name}"))
            .output()
            .map_err(|e| format!("cc: {e}"))?;
        // The compiler says the name alone if it does not find it.
        let place = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim());
        let link = directory.join(name);
        if !place.is_absolute() {
            return Err(format!("{name} is not found on this machine"));
        }
        match symlink(&place, &link) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(failed(e)),
            _ => {}
        }
    }
    Ok(directory)
}

/// The one directory in `parent`: the one named after the machine's multiarch triplet.
fn only_directory(parent: &Path) -> Option<PathBuf> {
    let mut directories =
        fs::read_dir(parent).ok()?.flatten().map(|entry| entry.path()).filter(|p| p.is_dir());
    let first = directories.next()?;
    directories.next().is_none().then_some(first)
}
