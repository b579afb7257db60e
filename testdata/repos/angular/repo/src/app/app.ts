import { Component, computed, signal } from '@angular/core';

@Component({
  selector: 'app-root',
  template: `<h1>Ferry</h1>
    <button (click)="cars.set(cars() + 1)">Load a car</button>
    <p>{{ cars() }} cars, {{ free() }} places left</p>`,
})
export class App {
  protected readonly cars = signal(0);
  protected readonly free = computed(() => 40 - this.cars());
}
