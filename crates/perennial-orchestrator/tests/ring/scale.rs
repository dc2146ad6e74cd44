//! Ten thousand rotations from one audit: pages, groups and queues stay the size they are.

use perennial_orchestrator::fakes::Verb;

use crate::stage::{Stage, in_virtual_time};

const DEVICES: u32 = 10_000;

#[test]
fn ten_thousand_rotations_of_one_audit_pass_through_bounded_queues() {
    in_virtual_time(async {
        let stage = Stage::with_devices(DEVICES).await;

        stage.audit().await;
        stage.until_ended(DEVICES as usize).await;

        stage.assert_all_rotated(DEVICES);
        let largest = |verb| stage.world.faults.largest(verb);
        assert!(largest(Verb::ToRotate) <= 500 && largest(Verb::Due) <= 512);
        for verb in [Verb::Issue, Verb::Enroll, Verb::Retire, Verb::Publish] {
            assert!(largest(verb) <= 256, "{verb:?}: {}", largest(verb));
        }
        // A batch has outcomes, arrivals and deadlines, each at most 512.
        assert!(largest(Verb::Commit) <= 3 * 512, "{}", largest(Verb::Commit));
        assert!(stage.world.journal().most_undone() <= 4096 + 3 * 512);
    });
}
