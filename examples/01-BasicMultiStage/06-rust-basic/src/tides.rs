use serde::Serialize;

#[derive(Debug, PartialEq, Serialize)]
pub struct Tide {
    pub hour: u32,
    pub centimetres: i32,
}

/// The water level at an hour of the day, from the two tides that the moon makes.
pub fn level(hour: u32) -> Tide {
    let phase = std::f64::consts::TAU * f64::from(hour % 24) / 12.42;
    Tide { hour: hour % 24, centimetres: (180.0 * phase.cos()).round() as i32 }
}

/// The hour of the highest water.
pub fn highest() -> Tide {
    (0..24).map(level).max_by_key(|t| t.centimetres).expect("a day has hours")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moon_makes_two_tides_a_day() {
        assert_eq!(level(0).centimetres, 180);
        assert!(level(6).centimetres < -170);
        assert!(level(12).centimetres > 170);
        assert_eq!(highest(), level(0));
    }
}
