//! A file system in memory that can crash: whatever was not synced is lost, content and names alike.
//!
//! Files and folders are nodes. Every node has what the program sees (`live`) and what a power loss leaves (`durable`):
//! `sync` of a file copies its content, `sync_dir` copies the names in a folder. A rename moves a node, so a folder
//! takes along whatever was synced inside it. In the manner of Lucene's MockDirectoryWrapper and SQLite's n-th
//! failure loop.

use super::{Vfs, VfsFile};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

type NodeNumber = usize;
const ROOT: NodeNumber = 0;

#[derive(Debug, Clone)]
enum Node {
    File(Vec<u8>),
    Folder(BTreeMap<OsString, NodeNumber>),
}

#[derive(Debug)]
struct State {
    live: Vec<Node>,
    durable: Vec<Node>,
    operations: u64,
    fail_at: Option<u64>,
}

/// A file system in memory that drops what was not synced when it crashes; for tests.
#[derive(Debug, Clone)]
pub struct MemoryVfs {
    state: Arc<Mutex<State>>,
}

impl Default for MemoryVfs {
    fn default() -> Self {
        let nodes = vec![Node::Folder(BTreeMap::new())];
        let state = State { live: nodes.clone(), durable: nodes, operations: 0, fail_at: None };
        Self { state: Arc::new(Mutex::new(state)) }
    }
}

fn no_such(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{} is not there", path.display()))
}

impl MemoryVfs {
    /// Every changing operation from number `operation` on (counted from 1) fails; `None`: none does.
    pub fn fail_at(&self, operation: Option<u64>) {
        self.lock().fail_at = operation;
    }

    /// Changing operations tried so far.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Power loss: only what was synced is there afterwards.
    pub fn crash(&self) {
        let mut state = self.lock();
        state.live = state.durable.clone();
        state.fail_at = None;
    }

    /// A copy that shares nothing with this one.
    pub fn fork(&self) -> Self {
        let state = self.lock();
        let copy = State { live: state.live.clone(), durable: state.durable.clone(), operations: 0, fail_at: None };
        Self { state: Arc::new(Mutex::new(copy)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }

    /// Counts a changing operation and fails when told to.
    fn change(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        state.operations += 1;
        if state.fail_at.is_some_and(|from| state.operations >= from) {
            return Err(io::Error::other("injected failure"));
        }
        Ok(state)
    }
}

impl State {
    fn find(&self, path: &Path) -> Option<NodeNumber> {
        path.components().try_fold(ROOT, |node, part| match (part, &self.live[node]) {
            (Component::Normal(name), Node::Folder(names)) => names.get(name).copied(),
            (Component::Normal(_), Node::File(_)) => None,
            _ => Some(node),
        })
    }

    fn names(&mut self, folder: NodeNumber, path: &Path) -> io::Result<&mut BTreeMap<OsString, NodeNumber>> {
        match &mut self.live[folder] {
            Node::Folder(names) => Ok(names),
            Node::File(_) => Err(io::Error::other(format!("{} is a file", path.display()))),
        }
    }

    /// The names of the folder that `path` lies in, and its own name there.
    fn place<'a>(&mut self, path: &'a Path) -> io::Result<(&mut BTreeMap<OsString, NodeNumber>, &'a OsStr)> {
        let parent = path.parent().unwrap_or(Path::new(""));
        let folder = self.find(parent).ok_or_else(|| no_such(parent))?;
        let name = path.file_name().ok_or_else(|| no_such(path))?;
        Ok((self.names(folder, parent)?, name))
    }

    /// A new node; durable as an empty one, reachable only once its folder is synced.
    fn add(&mut self, node: Node) -> NodeNumber {
        self.live.push(node.clone());
        self.durable.push(node);
        self.live.len() - 1
    }
}

struct MemoryFile {
    vfs: MemoryVfs,
    node: NodeNumber,
}

impl Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Node::File(content) = &mut self.vfs.change()?.live[self.node] {
            content.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl VfsFile for MemoryFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.vfs.change()?;
        state.durable[self.node] = state.live[self.node].clone();
        Ok(())
    }
}

impl Vfs for MemoryVfs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn VfsFile>> {
        let mut state = self.change()?;
        let node = state.add(Node::File(Vec::new()));
        let (names, name) = state.place(path)?;
        names.insert(name.to_owned(), node);
        Ok(Box::new(MemoryFile { vfs: self.clone(), node }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.lock();
        match state.find(path).map(|node| &state.live[node]) {
            Some(Node::File(content)) => Ok(content.clone()),
            Some(Node::Folder(_)) => Err(io::Error::other(format!("{} is a folder", path.display()))),
            None => Err(no_such(path)),
        }
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.change()?;
        if state.find(path).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = state.add(Node::Folder(BTreeMap::new()));
        let (names, name) = state.place(path)?;
        names.insert(name.to_owned(), node);
        Ok(())
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.change()?;
        let mut above: Vec<&Path> = path.ancestors().filter(|folder| folder.file_name().is_some()).collect();
        above.reverse();
        for folder in above {
            if state.find(folder).is_none() {
                let node = state.add(Node::Folder(BTreeMap::new()));
                let (names, name) = state.place(folder)?;
                names.insert(name.to_owned(), node);
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.change()?;
        let node = state.find(from).ok_or_else(|| no_such(from))?;
        if let Some(taken) = state.find(to)
            && matches!(&state.live[taken], Node::Folder(names) if !names.is_empty())
        {
            return Err(io::Error::other(format!("{} is not empty", to.display())));
        }
        let (names, name) = state.place(from)?;
        names.remove(name);
        let (names, name) = state.place(to)?;
        names.insert(name.to_owned(), node);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.change()?;
        let node = state.find(path).ok_or_else(|| no_such(path))?;
        state.durable[node] = state.live[node].clone();
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.change()?;
        let (names, name) = state.place(path)?;
        names.remove(name).map(|_| ()).ok_or_else(|| no_such(path))
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.change()?;
        if state.find(path).is_some() {
            let (names, name) = state.place(path)?;
            names.remove(name);
        }
        Ok(())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.lock().find(path).is_some())
    }

    fn is_dir(&self, path: &Path) -> io::Result<bool> {
        let state = self.lock();
        Ok(state.find(path).is_some_and(|node| matches!(state.live[node], Node::Folder(_))))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut state = self.lock();
        let folder = state.find(path).ok_or_else(|| no_such(path))?;
        Ok(state.names(folder, path)?.keys().map(PathBuf::from).collect())
    }
}
