require('@shop/log')('waiting'); setInterval(() => {}, 1000)
