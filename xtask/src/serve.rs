//! A small server for static files, with the headers that a page needs to use threads (cross-origin isolation).

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{io, thread};

use anyhow::{Context, Result, bail};
use easel_console::{print, tell};
use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

const THREADS: usize = 4;
/// How many ports above the requested one are tried.
const PORTS: u16 = 20;

/// `cargo xtask serve`: prints the address and serves a folder on this machine until interrupted.
pub fn run(folder: &Path, port: u16) -> Result<()> {
    let site = Site::new(folder)?;
    let listener = listen(port)?;
    let address = listener.local_addr()?;
    if port != 0 && address.port() != port {
        tell!("serve: port {port} is in use");
    }
    let server = Server::from_listener(listener, None).map_err(|error| anyhow::anyhow!("cannot serve: {error}"))?;
    let server = Arc::new(server);
    print(format_args!("http://{address}/  (Ctrl-C ends)\n"))?;
    let workers: Vec<_> = (0..THREADS)
        .map(|_| {
            let (server, site) = (server.clone(), site.clone());
            thread::spawn(move || server.incoming_requests().for_each(|request| answer(&site, request)))
        })
        .collect();
    for worker in workers {
        worker.join().map_err(|_| anyhow::anyhow!("a server thread panicked"))?;
    }
    Ok(())
}

/// Listens on the first free port from this one on; on any for 0.
fn listen(port: u16) -> Result<TcpListener> {
    let last = if port == 0 { 0 } else { port.saturating_add(PORTS) };
    for candidate in port..=last {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, candidate)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            other => return other.with_context(|| format!("port {candidate}: cannot listen")),
        }
    }
    bail!("ports {port} to {last}: all in use; choose another with --port")
}

/// A folder of files to serve.
#[derive(Clone)]
struct Site {
    root: PathBuf,
    /// The content security policy in the page's meta element. That does not apply to workers, but a header does.
    policy: Option<String>,
}

/// What a URL's path refers to.
#[derive(Debug, PartialEq)]
enum Found {
    File(PathBuf),
    /// A folder without a final slash, which the relative links in its page need.
    Folder,
    Nothing,
}

impl Site {
    fn new(folder: &Path) -> Result<Self> {
        let root = folder.canonicalize().with_context(|| format!("{}: cannot be served", folder.display()))?;
        if !root.is_dir() {
            bail!("{}: not a folder; name one to serve", folder.display());
        }
        let page = fs::read_to_string(root.join("index.html")).unwrap_or_default();
        let policy = page.split_once("http-equiv=\"Content-Security-Policy\" content=\"");
        let policy = policy.and_then(|(_, rest)| Some(rest.split_once('"')?.0.to_string()));
        Ok(Self { root, policy })
    }

    /// The file behind a URL's path. Nothing outside the folder is found, not even through a symbolic link.
    fn find(&self, url: &str) -> Found {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let Some(decoded) = percent_decoded(path) else { return Found::Nothing };
        let mut target = self.root.clone();
        for part in decoded.split('/').filter(|part| !part.is_empty()) {
            if part == ".." || part.contains(['\\', '\0', ':']) {
                return Found::Nothing;
            }
            target.push(part);
        }
        if target.is_dir() {
            if !decoded.ends_with('/') {
                return Found::Folder;
            }
            target.push("index.html");
        }
        match target.canonicalize() {
            Ok(real) if real.is_file() && real.starts_with(&self.root) => Found::File(real),
            _ => Found::Nothing,
        }
    }
}

/// Decodes escapes like `%41`. `None` if one is malformed or the result is not UTF-8.
fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push((digit()? * 16 + digit()?) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Answers one request. A closed connection is not an error.
fn answer(site: &Site, request: Request) {
    let text = |status: u16, body: &str| {
        with_headers(Response::from_string(body).with_status_code(StatusCode(status)), "text/plain; charset=utf-8")
    };
    let _ = match (request.method(), site.find(request.url())) {
        (Method::Get | Method::Head, Found::File(path)) => match open(&path) {
            Ok(file) => {
                let policy = site.policy.iter().map(|policy| header("Content-Security-Policy", policy));
                request.respond(policy.fold(file, Response::with_header))
            }
            Err(_) => request.respond(text(500, "the file cannot be read\n")),
        },
        (Method::Get | Method::Head, Found::Folder) => {
            let location = format!("{}/", request.url().split(['?', '#']).next().unwrap_or_default());
            // Two leading slashes would name another host.
            let location = format!("/{}", location.trim_start_matches('/'));
            request.respond(text(301, "").with_header(header("Location", &location)))
        }
        (Method::Get | Method::Head, Found::Nothing) => request.respond(text(404, "no such file\n")),
        _ => request.respond(text(405, "only GET and HEAD\n").with_header(header("Allow", "GET, HEAD"))),
    };
}

fn open(path: &Path) -> io::Result<Response<File>> {
    let length = fs::metadata(path)?.len() as usize;
    let response = Response::new(StatusCode(200), Vec::new(), File::open(path)?, Some(length), None);
    // A chunked response has no length, and a page could not show the progress of its download.
    Ok(with_headers(response.with_chunked_threshold(usize::MAX), media_type(path)))
}

fn with_headers<R: io::Read>(response: Response<R>, media_type: &str) -> Response<R> {
    [
        ("Content-Type", media_type),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Embedder-Policy", "require-corp"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("X-Content-Type-Options", "nosniff"),
        // The files are under development.
        ("Cache-Control", "no-cache"),
    ]
    .into_iter()
    .fold(response, |response, (name, value)| response.with_header(header(name, value)))
}

fn header(name: &str, value: &str) -> Header {
    // Only a URL's path with characters outside ASCII can fail here.
    Header::from_bytes(name, value).unwrap_or_else(|()| Header::from_bytes(name, "/").expect("ASCII"))
}

/// The media type by file extension.
fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    fn site() -> (tempfile::TempDir, Site) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("site");
        fs::create_dir_all(root.join("models")).unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        let meta = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'self'\">page";
        fs::write(root.join("index.html"), meta).unwrap();
        fs::write(root.join("models/a b.onnx"), vec![7; 100_000]).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link")).unwrap();
        let site = Site::new(&root).unwrap();
        (folder, site)
    }

    #[test]
    fn nothing_outside_the_folder_is_found() {
        let (_folder, site) = site();
        for url in
            ["/../secret", "/models/../../secret", "/%2e%2e/secret", "/..%2fsecret", "/link", "/%", "/%ff", "/%00"]
        {
            assert_eq!(site.find(url), Found::Nothing, "{url}");
        }
        assert_eq!(site.find("/?a=/.."), Found::File(site.root.join("index.html")));
        assert_eq!(site.find("/models"), Found::Folder);
        assert_eq!(site.find("/models/"), Found::Nothing);
        assert_eq!(site.find("/models/a%20b.onnx"), Found::File(site.root.join("models/a b.onnx")));
    }

    /// The head and body of the response to one request.
    fn response(request: &str) -> (String, Vec<u8>) {
        let (_folder, site) = site();
        let listener = listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::from_listener(listener, None).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        answer(&site, server.recv().unwrap());
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        (String::from_utf8(bytes[..end].to_vec()).unwrap(), bytes[end..].to_vec())
    }

    #[test]
    fn responses_have_lengths_and_the_headers_for_threads() {
        let (head, body) = response("GET /models/a%20b.onnx");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(body, vec![7; 100_000]);
        for line in [
            "Content-Length: 100000",
            "Content-Type: application/octet-stream",
            "Cross-Origin-Opener-Policy: same-origin",
            "Cross-Origin-Embedder-Policy: require-corp",
            "Cross-Origin-Resource-Policy: same-origin",
            "Content-Security-Policy: default-src 'self'",
        ] {
            assert!(head.lines().any(|found| found == line), "{line} is not in\n{head}");
        }
        assert!(response("GET /").1.ends_with(b"page"));
    }

    #[test]
    fn other_requests_get_the_right_status() {
        let (head, body) = response("HEAD /models/a%20b.onnx");
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("Content-Length: 100000"), "{head}");
        assert!(body.is_empty());
        assert!(response("GET /nothing").0.starts_with("HTTP/1.1 404"));
        assert!(response("POST /").0.starts_with("HTTP/1.1 405"));
        let (head, _) = response("GET /models");
        assert!(head.starts_with("HTTP/1.1 301") && head.contains("Location: /models/\r\n"), "{head}");
    }

    #[test]
    fn a_port_in_use_gives_way_to_the_next() {
        let taken = listen(0).unwrap();
        let port = taken.local_addr().unwrap().port();
        if port < u16::MAX - PORTS {
            assert_ne!(listen(port).unwrap().local_addr().unwrap().port(), port);
        }
    }

    #[test]
    fn media_types_are_those_that_browsers_require() {
        assert_eq!(media_type(Path::new("a/ort.mjs")), "text/javascript; charset=utf-8");
        assert_eq!(media_type(Path::new("a.wasm")), "application/wasm");
        assert_eq!(media_type(Path::new("manifest.webmanifest")), "application/manifest+json");
        assert_eq!(media_type(Path::new("gan.onnx")), "application/octet-stream");
        assert_eq!(media_type(Path::new("LICENSE")), "application/octet-stream");
    }
}
