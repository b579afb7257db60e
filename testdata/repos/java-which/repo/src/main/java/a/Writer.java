package a;

class Writer {
    public static void main(String[] args) {}
}
