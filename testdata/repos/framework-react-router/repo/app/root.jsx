export default function Root() { return <h1>Notes</h1>; }
