//! Who may import whom: only downward, by the face, and the fuse box only configs.

use super::Broken;
use super::paths::{OwnPath, exports, own_paths};
use super::source::{House, SourceFile};

/// What a room may import of ours.
enum MayImport {
    /// These rooms.
    Rooms(&'static [&'static str]),
    /// Every room on a lower floor.
    AllBelow,
}

/// Each room with its floor, counted from the ground, and what it may import.
const ROOMS: [(&str, usize, MayImport); 16] = [
    ("clock", 1, MayImport::Rooms(&[])),
    ("short_form", 1, MayImport::Rooms(&[])),
    ("telemetry", 1, MayImport::Rooms(&[])),
    ("jose", 1, MayImport::Rooms(&[])),
    ("policy", 1, MayImport::Rooms(&[])),
    ("token", 2, MayImport::Rooms(&["jose", "clock", "telemetry"])),
    ("authorizer", 3, MayImport::Rooms(&["token", "policy", "clock", "telemetry"])),
    ("issuer", 3, MayImport::Rooms(&["token", "jose", "clock", "telemetry"])),
    ("admin", 3, MayImport::Rooms(&["token", "policy", "telemetry"])),
    ("proxy", 4, MayImport::Rooms(&["authorizer", "telemetry", "clock"])),
    ("ext_authz", 4, MayImport::Rooms(&["authorizer", "telemetry", "clock"])),
    ("config", 5, MayImport::AllBelow),
    ("server", 6, MayImport::AllBelow),
    ("cli", 7, MayImport::AllBelow),
    ("main", 8, MayImport::AllBelow),
    // the map: it has the rooms, and imports none
    ("lib", 0, MayImport::Rooms(&[])),
];

pub(super) fn imports_run_downward(house: &House) -> Broken {
    let unknown = house.shipping().filter(|file| floor_of(file.room()).is_none());
    let unknown = unknown.map(|file| format!("src/{}: the room `{}` stands on no floor", file.path, file.room()));
    let upward = foreign_paths(house).filter(|(file, path)| !may_import(file, path.room()));
    let upward = upward
        .map(|(file, path)| format!("{}: `{}` may not import `{}`", file.place(path.at), file.room(), path.written()));
    unknown.chain(upward).collect()
}

pub(super) fn rooms_are_imported_by_their_face(house: &House) -> Broken {
    let inner = foreign_paths(house).filter(|(_, path)| !is_on_a_face(house, path));
    inner
        .map(|(file, path)| format!("{}: `{}` is not on the room's card", file.place(path.at), path.written()))
        .collect()
}

pub(super) fn config_takes_only_configs(house: &House) -> Broken {
    let of_config = foreign_paths(house).filter(|(file, _)| file.room() == "config");
    let other = of_config.filter(|(_, path)| path.room() != "short_form" && !is_config_of_a_room(house, path));
    other
        .map(|(file, path)| format!("{}: `{}` is not of a room's config", file.place(path.at), path.written()))
        .collect()
}

pub(super) fn no_glob_of_our_own(house: &House) -> Broken {
    let all = house.shipping().flat_map(|file| own_paths(file).into_iter().map(move |path| (file, path)));
    let globs = all.filter(|(_, path)| path.segments.last() == Some(&"*"));
    globs.map(|(file, path)| format!("{}: `{}` is a glob", file.place(path.at), path.written())).collect()
}

/// Paths that lead from one room into another.
fn foreign_paths(house: &House) -> impl Iterator<Item = (&SourceFile, OwnPath<'_>)> {
    let all = house.shipping().flat_map(|file| own_paths(file).into_iter().map(move |path| (file, path)));
    all.filter(|(file, path)| path.room() != file.room())
}

fn floor_of(room: &str) -> Option<usize> {
    ROOMS.iter().find(|(name, ..)| *name == room).map(|(_, floor, _)| *floor)
}

fn may_import(file: &SourceFile, room: &str) -> bool {
    // a switch may be written short, wherever it stands
    if room == "short_form" && (file.path.ends_with("/config.rs") || file.room() == "config") {
        return true;
    }
    let Some((_, floor, may)) = ROOMS.iter().find(|(name, ..)| *name == file.room()) else { return false };
    match may {
        MayImport::Rooms(rooms) => rooms.contains(&room),
        MayImport::AllBelow => room != "lib" && floor_of(room).is_some_and(|other| other < *floor),
    }
}

fn is_on_a_face(house: &House, path: &OwnPath<'_>) -> bool {
    let Some(card) = house.files.get(&format!("{}/mod.rs", path.room())) else { return true };
    // the room itself is nothing but its card
    let Some(named) = path.segments.get(1) else { return true };
    *named == "*" || exports(&card.shipping).iter().any(|(export, _)| export == named)
}

fn is_config_of_a_room(house: &House, path: &OwnPath<'_>) -> bool {
    let Some(card) = house.files.get(&format!("{}/mod.rs", path.room())) else { return false };
    let Some(named) = path.segments.get(1) else { return false };
    exports(&card.shipping).iter().any(|(export, from)| export == named && from.first() == Some(&"config"))
}
