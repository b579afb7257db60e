import { heading } from "@acme/ui";

document.body.append(heading("Acme"));
