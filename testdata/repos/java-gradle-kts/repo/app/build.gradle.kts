plugins {
    application
}

repositories {
    mavenCentral()
}

dependencies {
    implementation(project(":libs:tides"))
    implementation("io.javalin:javalin:6.7.0")
}

java {
    toolchain {
        languageVersion = JavaLanguageVersion.of(21)
    }
}

application {
    mainClass = "com.example.harbour.Main"
}
