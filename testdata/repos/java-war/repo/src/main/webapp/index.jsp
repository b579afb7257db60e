<h1>Pages</h1>
