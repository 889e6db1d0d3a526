//! The upstreams of this process, so that one that a new config says nothing new about goes on as it is: its connections, and what
//! is known of its endpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::peer::{TlsFiles, UpstreamError};
use super::service::Upstream;
use crate::proxy::config::UpstreamConfig;
use crate::telemetry::UpstreamMetrics;

/// Every upstream that some config in force has; its clones share them.
#[derive(Clone, Default)]
pub struct Upstreams(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// In the order in which they were opened.
    open: Vec<Weak<Upstream>>,
    /// The endpoints that the metrics show, by upstream.
    shown: BTreeMap<String, (UpstreamMetrics, BTreeSet<String>)>,
}

impl Upstreams {
    /// The upstream of this name and config: the one that is there already where neither config nor certificates have changed.
    ///
    /// # Errors
    /// [`UpstreamError`] with the file.
    pub async fn open(
        &self,
        name: &str,
        config: &UpstreamConfig,
        metrics: UpstreamMetrics,
    ) -> Result<Arc<Upstream>, UpstreamError> {
        let files = config.tls.as_ref().map(|tls| TlsFiles::read(name, tls)).transpose()?;
        let same = self.all().into_iter().rev().find(|known| {
            known.name().as_ref() == name && known.config == *config && known.files == files && known.is_tended()
        });
        if let Some(same) = same {
            return Ok(same);
        }
        let opened = Upstream::open(name, config, files, metrics).await;
        self.known().open.push(Arc::downgrade(&opened));
        Ok(opened)
    }

    /// The upstreams in use, by name. Where requests of an older config still go on, the one of the newest.
    #[must_use]
    pub fn in_use(&self) -> BTreeMap<Arc<str>, Arc<Upstream>> {
        let tended = self.all().into_iter().filter(|upstream| upstream.is_tended());
        tended.map(|upstream| (upstream.name().clone(), upstream)).collect()
    }

    /// Brings the metrics of all endpoints up to date, and takes back those of endpoints that are gone.
    pub fn report(&self) {
        let in_use = self.in_use();
        let shown = &mut self.known().shown;
        for (name, upstream) in &in_use {
            let (_, before) =
                shown.entry(name.to_string()).or_insert_with(|| (upstream.metrics().clone(), BTreeSet::new()));
            let statuses = upstream.status();
            for status in &statuses {
                upstream.metrics().healthy(&status.endpoint, status.healthy);
            }
            let now: BTreeSet<String> = statuses.into_iter().map(|status| status.endpoint).collect();
            before.difference(&now).for_each(|gone| upstream.metrics().forget_endpoint(gone));
            *before = now;
        }
        shown.retain(|name, (metrics, endpoints)| {
            let stays = in_use.contains_key(name.as_str());
            endpoints.iter().filter(|_| !stays).for_each(|gone| metrics.forget_endpoint(gone));
            stays
        });
    }

    fn all(&self) -> Vec<Arc<Upstream>> {
        let open = &mut self.known().open;
        open.retain(|upstream| upstream.strong_count() > 0);
        open.iter().filter_map(Weak::upgrade).collect()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Handle;

    use super::*;
    use crate::telemetry::Metrics;

    #[tokio::test]
    async fn an_upstream_goes_on_where_its_config_says_nothing_new() {
        let (upstreams, metrics) = (Upstreams::default(), Metrics::new().unwrap());
        let open = async |config: &str| {
            let config: UpstreamConfig = serde_json::from_str(config).unwrap();
            let opened = upstreams.open("orders", &config, metrics.upstream("orders").unwrap()).await.unwrap();
            opened.tend(&Handle::current());
            opened
        };
        let healthy = || {
            upstreams.report();
            let text = metrics.encode();
            text.lines()
                .filter(|line| line.starts_with("lychgate_upstream_healthy{"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let first = open(r#"{"endpoints": ["10.0.0.1:80", "10.0.0.2:80"]}"#).await;
        assert_eq!(healthy().len(), 2);
        assert!(Arc::ptr_eq(&first, &open(r#"{"endpoints": ["10.0.0.1:80", "10.0.0.2:80"]}"#).await));
        let other = open(r#"{"endpoints": ["10.0.0.2:80"]}"#).await;
        assert!(!Arc::ptr_eq(&first, &other));
        assert_eq!(healthy(), [r#"lychgate_upstream_healthy{endpoint="10.0.0.2:80",upstream="orders"} 1"#]);
        drop((first, other));
        assert!(healthy().is_empty(), "nobody has it any more");
    }
}
