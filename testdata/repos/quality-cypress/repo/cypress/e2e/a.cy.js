describe('a', () => { it('b', () => { cy.visit('/'); cy.contains('hi'); }); });
