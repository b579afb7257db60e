setInterval(() => console.log('sent'), 60_000);
