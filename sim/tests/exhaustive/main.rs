//! One rotation, exhaustively: every order of both machines' steps, of messages and of faults.
//!
//! Time is abstracted away: a deadline may pass whenever it likes, a message may arrive at any
//! later moment, in any session, or never. Budgets bound what would go on for ever.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test tells its size and may fail")]

mod model;
mod moves;
mod world;

use stateright::{Checker as _, Model as _};

use crate::{model::one_rotation, world::Budget};

fn check(budget: Budget) {
    let checker = one_rotation(budget).checker().threads(2).spawn_bfs().join();

    println!("{} states, {} unique", checker.state_count(), checker.unique_state_count());
    assert!(checker.is_done());
    checker.assert_properties();
}

const NOTHING: Budget = Budget {
    device_crashes: 0,
    disk_failures: 0,
    server_crashes: 0,
    duplicates: 0,
    drops: 0,
    failed_dials: 0,
    cancels: 0,
};

#[test]
fn crashes_and_failed_dials_brick_no_device() {
    check(Budget { device_crashes: 1, server_crashes: 1, failed_dials: 1, ..NOTHING });
}

#[test]
fn a_disk_that_does_not_write_bricks_no_device() {
    check(Budget { disk_failures: 3, drops: 1, failed_dials: 1, ..NOTHING });
    check(Budget { disk_failures: 2, device_crashes: 1, ..NOTHING });
}

#[test]
fn lost_and_repeated_messages_brick_no_device() {
    check(Budget { duplicates: 1, drops: 1, failed_dials: 2, ..NOTHING });
}

#[test]
fn cancelling_at_any_moment_bricks_no_device() {
    check(Budget { drops: 1, failed_dials: 1, cancels: 1, ..NOTHING });
}
