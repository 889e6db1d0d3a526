//! The tables of both databases, a step at a time. A step that was released is never changed: a new one follows it.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// A step with its text for each database.
struct Step {
    number: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const STEPS: [Step; 7] = [
    Step {
        number: 1,
        name: "pools",
        sqlite: include_str!("../migrations/sqlite/0001_pools.sql"),
        postgres: include_str!("../migrations/postgres/0001_pools.sql"),
    },
    Step {
        number: 2,
        name: "operations",
        sqlite: include_str!("../migrations/sqlite/0002_operations.sql"),
        postgres: include_str!("../migrations/postgres/0002_operations.sql"),
    },
    Step {
        number: 3,
        name: "activity",
        sqlite: include_str!("../migrations/sqlite/0003_activity.sql"),
        postgres: include_str!("../migrations/postgres/0003_activity.sql"),
    },
    Step {
        number: 10,
        name: "directory",
        sqlite: include_str!("../migrations/sqlite/0010_directory.sql"),
        postgres: include_str!("../migrations/postgres/0010_directory.sql"),
    },
    Step {
        number: 11,
        name: "delivery",
        sqlite: include_str!("../migrations/sqlite/0011_delivery.sql"),
        postgres: include_str!("../migrations/postgres/0011_delivery.sql"),
    },
    Step {
        number: 12,
        name: "lists",
        sqlite: include_str!("../migrations/sqlite/0012_lists.sql"),
        postgres: include_str!("../migrations/postgres/0012_lists.sql"),
    },
    Step {
        number: 13,
        name: "sessions",
        sqlite: include_str!("../migrations/sqlite/0013_sessions.sql"),
        postgres: include_str!("../migrations/postgres/0013_sessions.sql"),
    },
];

pub(super) fn sqlite() -> Migrator {
    migrator(|step| step.sqlite)
}

pub(super) fn postgres() -> Migrator {
    migrator(|step| step.postgres)
}

fn migrator(text: impl Fn(&Step) -> &'static str) -> Migrator {
    let migration = |step: &Step| {
        Migration::new(step.number, step.name.into(), MigrationType::Simple, text(step).into_sql_str(), false)
    };
    Migrator::with_migrations(STEPS.iter().map(migration).collect())
}
