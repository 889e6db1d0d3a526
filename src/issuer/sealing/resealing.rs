//! Seals anew what an earlier master key has sealed, and what was kept in clear before there was sealing.

use super::sealer::Sealer;
use crate::issuer::error::IssuerError;
use crate::issuer::store::{Connection, Database, SEALED_COLUMNS, SealedColumn, SealingKeys};

/// The first byte of a private key in PKCS#8 DER: how signing keys were kept before they were sealed.
const DER_SEQUENCE: u8 = 0x30;

/// Brings all that is sealed under the current key, and then remembers no other. With no earlier key given, only the few rows that
/// were once kept in clear are looked through.
pub(super) async fn seal_anew(sealer: &Sealer, database: &Database, has_earlier: bool) -> Result<(), IssuerError> {
    let current = sealer.current_id();
    let mut write = database.write().await?;
    SealingKeys(&mut write).add(&current).await?;
    write.commit().await.map_err(IssuerError::database("keep the id of the master key"))?;
    for column in SEALED_COLUMNS.iter().filter(|column| has_earlier || column.once_clear) {
        seal_column_anew(sealer, database, column).await?;
    }
    if has_earlier {
        let mut write = database.write().await?;
        SealingKeys(&mut write).keep_only(&current).await?;
        write.commit().await.map_err(IssuerError::database("forget an earlier master key"))?;
    }
    Ok(())
}

/// A page at a time, each in a transaction of its own: others write beside it.
async fn seal_column_anew(sealer: &Sealer, database: &Database, column: &SealedColumn) -> Result<(), IssuerError> {
    let mut last = String::new();
    loop {
        let mut write = database.write().await?;
        let Some(end) = seal_page_anew(sealer, &mut write, column, &last).await? else { return Ok(()) };
        write.commit().await.map_err(IssuerError::database("seal anew"))?;
        last = end;
    }
}

/// The id of the page's last row; `None` where there is no more.
async fn seal_page_anew(
    sealer: &Sealer,
    write: &mut Connection,
    column: &SealedColumn,
    after: &str,
) -> Result<Option<String>, IssuerError> {
    let page = column.page_after(write, after).await?;
    for (row, kept) in &page {
        if sealer.is_current(kept) {
            continue;
        }
        let in_clear = column.once_clear && kept.first() == Some(&DER_SEQUENCE);
        let anew = if in_clear {
            sealer.seal(column.name, row, kept)?
        } else {
            sealer.seal(column.name, row, &sealer.open_sealed(column.name, row, kept)?)?
        };
        column.put(write, row, anew).await?;
    }
    Ok(page.into_iter().next_back().map(|(row, _)| row))
}
