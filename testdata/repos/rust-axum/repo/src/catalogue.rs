//! The prices are compiled in.

use serde::{Deserialize, Serialize};

#[derive(Clone, Deserialize, Serialize)]
pub struct Price {
    pub item: String,
    pub cents: u32,
}

pub fn prices() -> Vec<Price> {
    serde_json::from_str(include_str!("../data/prices.json")).expect("data/prices.json")
}

#[cfg(test)]
mod tests {
    #[test]
    fn has_tea() {
        assert!(super::prices().iter().any(|p| p.item == "tea"));
    }
}
