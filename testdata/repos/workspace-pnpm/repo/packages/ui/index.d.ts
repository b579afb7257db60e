export declare function page(name: string): string;
