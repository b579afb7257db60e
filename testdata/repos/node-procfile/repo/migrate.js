console.log("the table of parcels is up to date");
