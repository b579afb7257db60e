package example.parcels;

/** What a parcel of so many grams costs. */
public record Price(int grams, int cents) {
    public static Price of(int grams) {
        if (grams < 1 || grams > 30_000) {
            throw new IllegalArgumentException("weight out of range");
        }
        return new Price(grams, 399 + 120 * (grams / 1000));
    }
}
