//! Holds the house to its laws: floors, faces, cards, sizes, names, and who may speak of what.

mod cards;
mod floors;
mod made_up;
mod paths;
mod source;
mod style;
mod words;

use std::sync::LazyLock;

use source::House;

/// What broke a law, as `path:line: what`.
type Broken = Vec<String>;

static OURS: LazyLock<House> = LazyLock::new(House::of_this_crate);

fn holds(law: fn(&House) -> Broken) {
    let broken = law(&OURS);
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn imports_run_downward_only() {
    holds(floors::imports_run_downward);
}

#[test]
fn from_outside_a_room_is_imported_by_its_face() {
    holds(floors::rooms_are_imported_by_their_face);
}

#[test]
fn the_fuse_box_knows_of_each_room_only_its_config() {
    holds(floors::config_takes_only_configs);
}

#[test]
fn nothing_of_our_own_is_imported_by_glob() {
    holds(floors::no_glob_of_our_own);
}

#[test]
fn a_card_defines_nothing() {
    holds(cards::cards_define_nothing);
}

#[test]
fn main_is_thin() {
    holds(cards::main_is_thin);
}

#[test]
fn each_file_opens_with_one_sentence() {
    holds(style::each_file_opens_with_a_sentence);
}

#[test]
fn no_shipping_file_is_over_500_lines() {
    holds(style::no_file_is_too_long);
}

#[test]
fn no_name_is_one_of_those_that_say_nothing() {
    holds(style::names_say_something);
}

#[test]
fn http_status_codes_stand_where_refusals_become_answers() {
    holds(words::statuses_stand_in_their_places);
}

#[test]
fn crates_are_spoken_of_only_in_their_rooms() {
    holds(words::crates_stay_in_their_rooms);
}

#[test]
fn the_wall_clock_is_read_in_one_place() {
    holds(words::the_wall_clock_is_read_in_one_place);
}
