import { useEffect, useState } from "react";
import { tides } from "./tides";

export function App() {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const moved = () => setPath(location.pathname);
    addEventListener("popstate", moved);
    return () => removeEventListener("popstate", moved);
  }, []);
  return (
    <main>
      <h1>{import.meta.env.VITE_HARBOUR}</h1>
      <p>{path === "/" ? "Today" : `Day ${path.slice(1)}`}</p>
      <ol>
        {tides(new Date()).map((tide) => (
          <li key={tide.at}>
            {tide.kind} water at {tide.at}
          </li>
        ))}
      </ol>
    </main>
  );
}
