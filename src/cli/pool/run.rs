//! Which of the commands about pools was asked for.

use super::args::{ClientCommand, GroupCommand, OfConfig, PoolCommand, UserCommand};
use super::desk::{Desk, Done, Trouble};
use super::{backup, clients, groups, pools, users};
use crate::cli::report::Failure;
use crate::cli::run::Verdict;
use crate::server::ServerError;

pub(in crate::cli) fn run(command: &PoolCommand) -> Result<Verdict, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServerError::Threads)?;
    let ended = runtime.block_on(async {
        let desk = Desk::open(common(command)).await?;
        let done = perform(&desk, command).await;
        desk.close().await;
        done
    });
    match ended {
        Ok(()) => Ok(Verdict::Good),
        Err(Trouble::No(reason)) => {
            eprintln!("error: {reason}");
            Ok(Verdict::No)
        }
        Err(Trouble::Failure(failure)) => Err(failure),
    }
}

async fn perform(desk: &Desk, command: &PoolCommand) -> Done {
    match command {
        PoolCommand::List(_) => pools::list(desk).await,
        PoolCommand::Create(args) => pools::create(desk, args).await,
        PoolCommand::Describe(args) => pools::describe(desk, args).await,
        PoolCommand::RotateKeys(args) => pools::rotate_keys(desk, args).await,
        PoolCommand::Export(args) => backup::export(desk, args).await,
        PoolCommand::Import(args) => backup::import(desk, args).await,
        PoolCommand::User(UserCommand::Add(args)) => users::add(desk, args).await,
        PoolCommand::User(UserCommand::List(args)) => users::list(desk, args).await,
        PoolCommand::User(UserCommand::Show(args)) => users::show(desk, args).await,
        PoolCommand::User(UserCommand::Disable(args)) => users::act(desk, args, "AdminDisableUser", "disabled").await,
        PoolCommand::User(UserCommand::Enable(args)) => users::act(desk, args, "AdminEnableUser", "enabled").await,
        PoolCommand::User(UserCommand::SignOut(args)) => {
            users::act(desk, args, "AdminUserGlobalSignOut", "signed out").await
        }
        PoolCommand::User(UserCommand::Reset(args)) => users::act(desk, args, "AdminResetUserPassword", "reset").await,
        PoolCommand::User(UserCommand::Delete(args)) => users::act(desk, args, "AdminDeleteUser", "deleted").await,
        PoolCommand::Group(GroupCommand::Add(args)) => groups::add(desk, args).await,
        PoolCommand::Group(GroupCommand::List(args)) => groups::list(desk, args).await,
        PoolCommand::Group(GroupCommand::Member(args)) => groups::member(desk, args).await,
        PoolCommand::Client(ClientCommand::Add(args)) => clients::add(desk, args).await,
        PoolCommand::Client(ClientCommand::List(args)) => clients::list(desk, args).await,
    }
}

fn common(command: &PoolCommand) -> &OfConfig {
    match command {
        PoolCommand::List(common) => common,
        PoolCommand::Create(args) => &args.common,
        PoolCommand::Describe(of) | PoolCommand::Client(ClientCommand::List(of)) => &of.common,
        PoolCommand::RotateKeys(args) => &args.of.common,
        PoolCommand::Export(args) => &args.of.common,
        PoolCommand::Import(args) => &args.common,
        PoolCommand::User(UserCommand::Add(args)) => &args.of.of.common,
        PoolCommand::User(UserCommand::List(args)) => &args.of.common,
        PoolCommand::User(
            UserCommand::Show(args)
            | UserCommand::Disable(args)
            | UserCommand::Enable(args)
            | UserCommand::SignOut(args)
            | UserCommand::Reset(args)
            | UserCommand::Delete(args),
        ) => &args.of.common,
        PoolCommand::Group(GroupCommand::Add(args)) => &args.of.common,
        PoolCommand::Group(GroupCommand::List(args)) => &args.of.common,
        PoolCommand::Group(GroupCommand::Member(args)) => &args.of.common,
        PoolCommand::Client(ClientCommand::Add(args)) => &args.of.common,
    }
}
