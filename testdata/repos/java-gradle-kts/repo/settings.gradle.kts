rootProject.name = "harbour"

include("app", "libs:tides")
