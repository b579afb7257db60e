package a;

class Reader {
    public static void main(String[] args) {}
}
