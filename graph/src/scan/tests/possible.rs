//! Names that QEMU resolves from its working directory, in a graph that is kept current.

use super::fleet::Fleet;
use super::live::{live, refresh, settled};

/// Whatever came or went anywhere, all such names of a fleet were resolved anew.
#[test]
fn only_names_that_may_mean_what_came_or_went_are_resolved_again() {
    let fleet = Fleet::told();
    fleet.folder("in/bases");
    fleet.folder("in/other");
    fleet.folder("out");
    for number in 0..20 {
        fleet.image(&format!("in/bases/{number}"), None);
        fleet.folder(&format!("in/at{number}"));
        fleet.image(&format!("in/at{number}/over"), Some(&format!("file:{number}")));
    }
    fleet.image("in/at0/deeper", Some("file:other/7"));
    let Some(mut live) = live(&fleet) else { return };
    assert_eq!(live.scanned().statistics.resolved, 21);
    let mut costs = |what: &str, resolved: u64| {
        refresh(&mut live);
        assert_eq!(live.scanned().statistics.resolved, resolved, "{what}");
        assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph), "{what}");
    };
    fleet.image("in/at3/new", None);
    costs("nobody means it", 0);
    fleet.image("in/at3/over-over", Some("over"));
    costs("a plain name", 0);
    fleet.image("in/other/5", None);
    costs("one may mean it", 1);
    fleet.image("in/other/7", None);
    costs("two may", 2);
    std::fs::remove_file(fleet.path("in/bases/9")).unwrap();
    costs("what one meant is gone", 1);
    std::fs::rename(fleet.path("in/bases/8"), fleet.path("in/bases/9")).unwrap();
    costs("what one meant another may", 2);
    std::fs::rename(fleet.path("in/other"), fleet.path("in/else")).unwrap();
    costs("what three may mean lies elsewhere", 3);
    std::fs::rename(fleet.path("in/else"), fleet.path("in/other")).unwrap();
    costs("and again where it was", 3);
    // Through a name that leads out of the scope one is met that somebody else may mean.
    fleet.image("out/4", None);
    fleet.image("in/at3/out", Some("../../out/4"));
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// More than anybody can list: counted anew with each that comes and goes.
#[test]
fn one_file_more_than_can_be_listed_makes_a_name_opaque_and_one_less_does_not() {
    let fleet = Fleet::told();
    for number in 0..63 {
        fleet.folder(&format!("in/{number}"));
        fleet.image(&format!("in/{number}/base"), None);
    }
    fleet.image("in/over", Some("file:base"));
    let Some(mut live) = live(&fleet) else { return };
    for number in 63..67 {
        fleet.folder(&format!("in/{number}"));
        fleet.image(&format!("in/{number}/base"), None);
        refresh(&mut live);
        assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    }
    for number in 0..4 {
        std::fs::remove_dir_all(fleet.path(&format!("in/{number}"))).unwrap();
        refresh(&mut live);
        assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    }
}

/// Each kept the other, or itself, in the graph, although nobody led there any more.
#[test]
fn what_is_only_meant_or_needed_from_out_of_the_scope_is_not_known_when_nobody_leads_there() {
    let fleet = Fleet::told();
    fleet.folder("in");
    fleet.folder("out");
    fleet.image("out/base", None);
    fleet.image("in/over", Some("../out/base"));
    fleet.image("in/may", Some("file:base"));
    fleet.image("out/one", Some("two"));
    fleet.image("out/two", Some("one"));
    fleet.image("in/cycle", Some("../out/one"));
    let Some(mut live) = live(&fleet) else { return };
    let mut is_as_fresh = || {
        refresh(&mut live);
        assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    };
    is_as_fresh();
    // Nothing is lost by that.
    fleet.image("in/may", Some("file:base"));
    is_as_fresh();
    std::fs::remove_file(fleet.path("in/over")).unwrap();
    is_as_fresh();
    fleet.image("in/cycle", None);
    is_as_fresh();
}
