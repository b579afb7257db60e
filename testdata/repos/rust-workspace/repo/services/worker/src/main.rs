fn main() {
    loop {
        println!("{}", report::line("total", 995));
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}
