//! `cargo xtask deps`: the direction of dependencies, held against an exact list.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{process, purity, workspace::Workspace};

/// Which crate of ours may depend on which (dev-dependencies aside). A row is exact: an edge that
/// is not written here fails, and so does one that is written and not there.
const DIRECTION: [(&str, &[&str]); 15] = [
    (CORE, &[]),
    ("perennial-pki", &[CORE]),
    ("perennial-broker", &[CORE]),
    ("perennial-orchestrator", &[CORE]),
    ("perennial-store", &[CORE, "perennial-orchestrator"]),
    ("perennial-api", &[CORE, "perennial-pki", "perennial-orchestrator", "perennial-store"]),
    ("perennial-outbound", &[CORE]),
    ("perennial-rules", &[CORE, "perennial-broker", "perennial-outbound", "perennial-store"]),
    ("perennial-agent", &[CORE, "perennial-pki"]),
    (
        "perennial-server",
        &[
            CORE,
            "perennial-pki",
            "perennial-broker",
            "perennial-orchestrator",
            "perennial-store",
            "perennial-api",
            "perennial-outbound",
            "perennial-rules",
            "perennial-agent",
        ],
    ),
    ("perennial-e2e", &[]),
    (
        "perennial-bench",
        &[
            CORE,
            "perennial-pki",
            "perennial-broker",
            "perennial-orchestrator",
            "perennial-store",
            "perennial-api",
            "perennial-agent",
            "perennial-server",
        ],
    ),
    (
        "perennial-fuzz",
        &[
            CORE,
            "perennial-pki",
            "perennial-broker",
            "perennial-orchestrator",
            "perennial-api",
            "perennial-agent",
        ],
    ),
    ("perennial-sim", &[CORE]),
    ("xtask", &["perennial-sim"]),
];

const CORE: &str = "perennial-core";

/// All that the core may name itself. Rule SQL wants base64, decimals of 34 digits and regular
/// expressions whose time is linear in the text.
const CORE_MAY_USE: [&str; 7] =
    ["base64", "bigdecimal", "hex", "regex", "serde", "serde_json", "thiserror"];

/// What may not come under the core by any way: I/O, clocks, randomness, async, crypto.
const NOT_UNDER_CORE: [&str; 19] = [
    "async-trait",
    "aws-lc-rs",
    "chrono",
    "fastrand",
    "getrandom",
    "jiff",
    "libc",
    "mio",
    "rand",
    "rand_core",
    "reqwest",
    "rusqlite",
    "rustix",
    "rustls",
    "socket2",
    "time",
    "tokio",
    "tracing",
    "windows-sys",
];

/// What may not be built anywhere: a second crypto provider, TLS stack or async runtime.
const NOWHERE: [&str; 7] =
    ["async-std", "native-tls", "openssl", "openssl-sys", "ring", "smol", "async-native-tls"];

/// Whom nobody may depend on, not even for tests: they stand at the end of the direction.
const ENDS: [&str; 4] = ["perennial-e2e", "perennial-bench", "perennial-fuzz", "xtask"];

/// Checks every rule and prints what breaks one.
///
/// # Errors
/// When a rule is broken, or `cargo metadata` fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let graph = Graph::of(workspace)?;
    let mut faults = direction_faults(&graph);
    faults.extend(core_faults(&graph));
    faults.extend(built_anyway(workspace)?);
    faults.extend(purity::faults(workspace)?);
    for fault in &faults {
        println!("  {fault}");
    }
    if !faults.is_empty() {
        bail!("{} broken dependency rules (the lists are in xtask/src/deps.rs)", faults.len());
    }
    println!("dependencies: {} crates of ours, {} in all", graph.members.len(), graph.nodes.len());
    Ok(())
}

fn direction_faults(graph: &Graph) -> Vec<String> {
    let rows: BTreeMap<&str, &[&str]> = DIRECTION.into_iter().collect();
    let mut faults = Vec::new();
    for name in &graph.members {
        let Some(row) = rows.get(name.as_str()) else {
            faults.push(format!("{name} has no row in DIRECTION: write down what it may use"));
            continue;
        };
        let wanted: BTreeSet<&str> = row.iter().copied().collect();
        let found: BTreeSet<&str> = graph.members_used_by(name).collect();
        let stray = found.difference(&wanted).map(|to| format!("{name} may not use {to}"));
        let stale = wanted.difference(&found);
        let stale = stale.map(|to| format!("{name} no longer uses {to}: take it off its row"));
        faults.extend(stray.chain(stale));
    }
    let gone = rows.keys().filter(|name| !graph.members.contains(**name));
    faults.extend(gone.map(|name| format!("{name} has a row in DIRECTION but does not exist")));
    faults.extend(graph.users_of_ends());
    faults
}

fn core_faults(graph: &Graph) -> Vec<String> {
    let direct = graph.shipped(CORE).filter(|name| !CORE_MAY_USE.contains(name));
    let mut faults: Vec<String> = direct
        .map(|name| format!("{CORE} may not use {name}: it is not in CORE_MAY_USE"))
        .collect();
    let under = graph.everything_under(CORE);
    let barred = NOT_UNDER_CORE.into_iter().filter(|name| under.contains(*name));
    faults.extend(barred.map(|name| format!("{name} came under {CORE}, which stays pure")));
    faults
}

/// How one package uses another.
struct Edge {
    to: String,
    /// Built into what is shipped: a normal or build dependency, not one of the tests alone.
    shipped: bool,
}

/// The resolved graph by package name; two versions of a package count as one.
struct Graph {
    members: BTreeSet<String>,
    nodes: BTreeMap<String, Vec<Edge>>,
}

impl Graph {
    fn of(workspace: &Workspace) -> Result<Self> {
        let printed = stdout_of(workspace, "metadata --format-version 1 --locked")?;
        Self::from_metadata(&serde_json::from_slice(&printed)?)
            .context("cargo metadata does not look as documented")
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let mut names = BTreeMap::new();
        for package in metadata["packages"].as_array()? {
            names.insert(package["id"].as_str()?, package["name"].as_str()?);
        }
        let name_of = |id: &Value| Some((*names.get(id.as_str()?)?).to_owned());
        let members = metadata["workspace_members"].as_array()?.iter().map(name_of);
        let mut nodes: BTreeMap<String, Vec<Edge>> = BTreeMap::new();
        for node in metadata["resolve"]["nodes"].as_array()? {
            let edges = node["deps"].as_array()?.iter();
            let edges =
                edges.map(|dep| Some(Edge { to: name_of(&dep["pkg"])?, shipped: shipped(dep)? }));
            nodes
                .entry(name_of(&node["id"])?)
                .or_default()
                .extend(edges.collect::<Option<Vec<_>>>()?);
        }
        Some(Self { members: members.collect::<Option<_>>()?, nodes })
    }

    fn edges(&self, name: &str) -> impl Iterator<Item = &Edge> {
        self.nodes.get(name).into_iter().flatten()
    }

    fn shipped(&self, name: &str) -> impl Iterator<Item = &str> {
        self.edges(name).filter(|edge| edge.shipped).map(|edge| edge.to.as_str())
    }

    fn members_used_by(&self, name: &str) -> impl Iterator<Item = &str> {
        self.shipped(name).filter(|to| self.members.contains(*to))
    }

    fn everything_under(&self, name: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut pending: Vec<&str> = self.shipped(name).collect();
        while let Some(next) = pending.pop() {
            if seen.insert(next) {
                pending.extend(self.shipped(next));
            }
        }
        seen
    }

    fn users_of_ends(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for name in &self.members {
            let ends = self.edges(name).filter(|edge| ENDS.contains(&edge.to.as_str()));
            faults.extend(
                ends.map(|edge| format!("{name} may not use {}, not even in tests", edge.to)),
            );
        }
        faults
    }
}

/// One line for each crate of [`NOWHERE`] that would be built. `cargo tree` decides: the metadata
/// also lists optional crates that no feature turns on, `ring` under rustls-webpki for one.
fn built_anyway(workspace: &Workspace) -> Result<Vec<String>> {
    let tree = "tree --locked --workspace --edges normal,build,dev --target all --prefix none";
    let printed = stdout_of(workspace, &[tree, "--format {p}"].join(" "))?;
    Ok(barred_in(&String::from_utf8_lossy(&printed)))
}

/// `tree` has a package a line, its name first.
fn barred_in(tree: &str) -> Vec<String> {
    let built: BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let barred = NOWHERE.into_iter().filter(|name| built.contains(name));
    barred
        .map(|name| format!("{name} is built: `cargo tree --workspace -i {name}` says by whom"))
        .collect()
}

fn stdout_of(workspace: &Workspace, arguments: &str) -> Result<Vec<u8>> {
    let output = process::cargo(workspace.root()).args(arguments.split(' ')).output()?;
    if !output.status.success() {
        bail!("cargo {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// Whether a `deps` entry of `cargo metadata` is a normal (`null`) or build dependency.
fn shipped(dep: &Value) -> Option<bool> {
    Some(dep["dep_kinds"].as_array()?.iter().any(|kind| kind["kind"] != "dev"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn graph(edges: &[(&str, &str, Option<&str>)]) -> Graph {
        let names: BTreeSet<&str> = edges.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
        let ours = |name: &&str| DIRECTION.iter().any(|(member, _)| member == name);
        let node = |name: &str| {
            let deps = edges.iter().filter(|(from, ..)| *from == name);
            let deps = deps.map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]}));
            json!({"id": name, "deps": deps.collect::<Vec<_>>()})
        };
        Graph::from_metadata(&json!({
            "packages": names.iter().map(|name| json!({"id": name, "name": name})).collect::<Vec<_>>(),
            "workspace_members": names.iter().filter(|name| ours(name)).collect::<Vec<_>>(),
            "resolve": {"nodes": names.iter().map(|name| node(name)).collect::<Vec<_>>()},
        }))
        .unwrap()
    }

    #[test]
    fn an_edge_against_the_direction_is_named() {
        let graph = graph(&[(CORE, "perennial-store", None)]);

        let faults = direction_faults(&graph);

        assert!(
            faults.contains(&"perennial-core may not use perennial-store".to_owned()),
            "{faults:?}"
        );
    }

    #[test]
    fn a_dev_dependency_against_the_direction_is_let_be() {
        let graph = graph(&[("perennial-broker", "perennial-pki", Some("dev"))]);

        let faults = direction_faults(&graph);

        assert!(!faults.iter().any(|fault| fault.contains("may not")), "{faults:?}");
    }

    #[test]
    fn nobody_leans_on_the_ends() {
        let graph = graph(&[("perennial-pki", "perennial-e2e", Some("dev"))]);

        assert_eq!(
            graph.users_of_ends(),
            ["perennial-pki may not use perennial-e2e, not even in tests"]
        );
    }

    #[test]
    fn an_io_crate_two_steps_under_the_core_is_found() {
        let graph =
            graph(&[(CORE, "hex", None), ("hex", "deep", Some("build")), ("deep", "mio", None)]);

        assert_eq!(core_faults(&graph), ["mio came under perennial-core, which stays pure"]);
    }

    #[test]
    fn a_crate_not_on_the_cores_list_is_refused() {
        let graph = graph(&[(CORE, "itertools", None)]);

        let faults = core_faults(&graph);

        assert_eq!(faults, ["perennial-core may not use itertools: it is not in CORE_MAY_USE"]);
    }

    #[test]
    fn a_second_tls_stack_is_named() {
        let tree = "reqwest v0.13.0\nnative-tls v0.2.14\nringbuf v0.4.0 (*)\n";

        let faults = barred_in(tree);

        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("native-tls is built"), "{faults:?}");
    }
}
