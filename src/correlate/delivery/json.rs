//! The figures as JSON. Lengths of time are in seconds, rates in percent.

use serde_json::{Map, Value, json};

use super::{Delivery, Figures, Spread};

impl Delivery {
    /// The facts of [`text`](Self::text).
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = (self.rows.iter())
            .map(|row| {
                let mut out = Map::new();
                out.insert("service".to_owned(), json!(row.service));
                if let Some(environment) = &row.environment {
                    out.insert("environment".to_owned(), json!(environment));
                }
                out.extend(figures(&row.figures, self.measured));
                Value::Object(out)
            })
            .collect();
        let left_out: Map<_, _> = (self.left_out.iter())
            .map(|(reason, number)| (reason.as_str().to_owned(), json!(number)))
            .collect();
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                out.insert(key.to_owned(), value);
            }
        };
        let mut window = json!({
            "from": self.scope.from, "to": self.scope.to, "time": "event", "measured_days": days(self.measured),
        });
        if let (Some(asked), Some(window)) = (self.asked_from, window.as_object_mut()) {
            window.insert("asked_from".to_owned(), json!(asked));
        }
        put("window", window);
        put("service", json!(self.scope.service));
        put("environment", json!(self.scope.environment));
        put("total", Value::Object(figures(&self.total, self.measured)));
        put(
            "deployments_per_part",
            json!({"days": self.buckets.days, "counts": self.buckets.counts}),
        );
        put("by_service", Value::Array(rows));
        if self.more_rows > 0 {
            put("more_rows", json!(self.more_rows));
        }
        put("left_out", Value::Object(left_out));
        if self.truncated {
            put("truncated", json!(true));
        }
        Value::Object(out)
    }
}

fn figures(figures: &Figures, measured: i64) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            out.insert(key.to_owned(), value);
        }
    };
    put("deployments", json!(figures.deployments));
    put("successful", json!(figures.succeeded));
    put("per_day", json!(figures.per_day(measured).map(short)));
    put("first", json!(figures.first));
    put("last", json!(figures.last));
    // How often between the first and the last, as CDviz counts it.
    put(
        "per_day_first_to_last",
        json!(figures.per_day(figures.span()).map(short)),
    );
    let mut lead = spread(figures.lead);
    if let (Value::Object(lead), 1..) = (&mut lead, figures.lead_from_first_commit) {
        let number = figures.lead_from_first_commit;
        lead.insert("from_first_commit".to_owned(), json!(number));
    }
    put("lead_time", lead);
    let failures = figures.failures;
    if let Some(percent) = figures.change_failure_percent() {
        put(
            "change_failure",
            json!({
                "percent": short(percent),
                "failed": failures.all(),
                "rolled_back": failures.rolled_back,
                "incident": failures.incident,
                "not_successful": failures.not_successful,
            }),
        );
    }
    put("time_to_restore", spread(figures.restore));
    out
}

fn spread(spread: Spread) -> Value {
    match (spread.median, spread.p90) {
        (Some(median), Some(p90)) => json!({
            "measured": spread.count,
            "median_s": median / 1_000_000,
            "p90_s": p90 / 1_000_000,
        }),
        _ => Value::Null,
    }
}

fn days(micros: i64) -> f64 {
    short(micros as f64 / crate::correlate::shown::DAY as f64)
}

/// To three places, which is more than any of it means.
fn short(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
