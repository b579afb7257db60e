import ms from "ms";

export const page = (name) => `<h1>Hello ${name}, ${ms(60000)}</h1>`;
